package reconciler

import (
	"fmt"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
)

// TestKnowledgeIsBounded: what is known of pull requests and commits goes with them.
func TestKnowledgeIsBounded(t *testing.T) {
	r := &Reconciler{known: map[string]*knowledge{}}
	k, now := r.knowledgeOf("migration/eks"), time.Now()
	open := []review.PullRequest{{Number: 2, Commit: "b"}}
	for _, p := range []review.PullRequest{{Number: 1, Commit: "a"}, {Number: 2, Commit: "a"}, open[0]} {
		k.paths[pathsKey(p)] = changedPaths{}
		k.plans[fmt.Sprint(p.Number)] = plan{}
	}
	for i := range 2 * mostSaid {
		k.said[fmt.Sprint(i)] = said{at: now.Add(-2 * saidFor * time.Duration(i%2))}
	}
	k.keepReviews(open, now)
	if len(k.paths) != 1 || len(k.plans) != 1 || len(k.said) != mostSaid {
		t.Errorf("%d paths, %d plans, %d texts are left", len(k.paths), len(k.plans), len(k.said))
	}
	for i := range 2*markers + 1 {
		k.arrivals[fmt.Sprint(i)], k.markers[fmt.Sprint(i)] = arrival{}, writtenMarker{}
	}
	k.keepArrivals([]estate.Commit{{Hash: "7"}})
	if len(k.arrivals) != 1 || len(k.markers) != 1 {
		t.Errorf("%d arrivals and %d markers are left", len(k.arrivals), len(k.markers))
	}
}

// TestWebhookAsksAgain: what happens to a pull request lets the host be asked at once how a commit came, and not more often
// after that.
func TestWebhookAsksAgain(t *testing.T) {
	r := &Reconciler{known: map[string]*knowledge{}}
	k := r.knowledgeOf("migration/eks")
	k.arrivals["a"] = arrival{asked: 3, again: time.Now().Add(time.Hour)}
	k.forgetReviews()
	if a := k.arrivals["a"]; !a.again.IsZero() || a.asked != 3 {
		t.Errorf("%+v", a)
	}
}
