package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// TestMainIsJudgedTogetherWithTheBranch lets main delete a service that an exception on the branch still names: each is
// right by itself, and together they are not before the exception has ended.
func TestMainIsJudgedTogetherWithTheBranch(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	m := tr.w.Migration()
	glass := world.BreakGlass(m, "media", "dana", "it burns", tr.w.Now().Add(20*time.Minute))
	tr.push(glass.Path, string(glass.Data))
	var gone []string
	for _, name := range []string{"service.yaml", "values.yaml", "prod-values.yaml"} {
		gone = append(gone, "deploy-values/orbit/web/media/"+name)
	}
	if _, err := tr.w.Push("dana", world.Main, nil, gone, "Media is no more"); err != nil {
		t.Fatal(err)
	}
	tr.until("the base branch to be refused", 5*time.Minute, tr.decides(phase.MainUnusable))
	if why := tr.last.Decision.Reason.Text; !strings.Contains(why, "break-glass.yaml:1") {
		t.Errorf("the reason is %q, and the branch's own file is what is in the way", why)
	}
	tr.until("the base branch to be merged", 30*time.Minute, func() bool {
		if tr.last.Decision.Reason.Code == phase.BranchUnusable {
			t.Fatalf("the branch cannot be used: %s", tr.last.Decision.Reason.Text)
		}
		return tr.w.File(migrationBranch, gone[0]) == nil
	})
	tr.until("it to be usable", 5*time.Minute, func() bool {
		return tr.last.Marker == estate.Marker{Phase: estate.Freeze} && tr.last.Decision.Reason.Code != phase.MainUnusable
	})
	if code := tr.last.Decision.Reason.Code; code == phase.BranchUnusable {
		t.Errorf("after the merge: %s", tr.last.Decision.Reason.Text)
	}
}
