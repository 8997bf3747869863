package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/world"
)

// TestANewServiceWaitsForTheEndOfTheFreeze offers a service that git does not name yet, and one of another product.
func TestANewServiceWaitsForTheEndOfTheFreeze(t *testing.T) {
	tr := newTrip(t)
	offered := map[string]int{}
	for branch, dir := range map[string]string{"dana/new": "deploy-values/orbit/web/shop/", "dana/other": "deploy-values/planet/web/shop/"} {
		files := []estate.File{
			{Path: dir + "service.yaml", Data: []byte("class: stateless\nteam: web\nrepository: orbit/shop\nstacks:\n  prod: {pipelines: [deploy]}\n")},
			{Path: dir + "values.yaml", Data: []byte("image: harbor.example.com/orbit/shop\n")},
		}
		if _, err := tr.w.Push("dana", branch, files, nil, "A shop"); err != nil {
			t.Fatal(err)
		}
		number, err := tr.w.Open("dana", branch, world.Main, "A shop")
		if err != nil {
			t.Fatal(err)
		}
		offered[branch] = number
	}
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	tr.until("the freeze to be told", time.Minute, func() bool { return tr.blocked(offered["dana/new"]) })
	if tr.blocked(offered["dana/other"]) {
		t.Error("a pull request that is none of the product's is blocked")
	}
}

// blocked says that a pull request has the failing status of the freeze.
func (tr *trip) blocked(number int) bool {
	tr.Helper()
	for _, p := range tr.w.Requests() {
		if p.Number != number {
			continue
		}
		statuses, err := tr.p.Ports().Host.Statuses(tr.Context(), p.Commit)
		if err != nil {
			tr.Fatal(err)
		}
		for _, s := range statuses {
			if strings.HasSuffix(s.Context, "/frozen") {
				return s.State == review.Failure
			}
		}
	}
	return false
}
