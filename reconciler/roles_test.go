package reconciler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// TestKeptOut: while a role keeps somebody out whom it let in before we came, no weight rises; it goes on when they are
// let in again, or when people say by git that it was meant.
func TestKeptOut(t *testing.T) {
	tr := newTrip(t)
	m := tr.w.Migration()
	for _, checkpoint := range []string{"prepare", "deploy", "freeze", "canary 1%"} {
		tr.through(checkpoint)
	}
	broken := func() bool {
		return slices.ContainsFunc(tr.last.Breaches, func(b reconciler.BreachReport) bool {
			return b.Name == invariant.Trust && strings.Contains(b.Text, "orbit-images (arn:aws:iam::123456789012:role/nodes.orbit-prod)")
		})
	}
	raise := func(title string) {
		t.Helper()
		p, ok := tr.open(title)
		if !ok {
			t.Fatalf("there is no pull request %s", title)
		}
		if err := tr.w.Merge("reviewer", p.Number, world.MergeCommit); err != nil {
			t.Fatal(err)
		}
	}
	stands := func(title string) func() bool {
		return func() bool { return phase.Title(tr.last.Marker) == title && tr.last.Decision.Kind == phase.Advance }
	}

	tr.w.KeepOut("dana", "orbit-images", 15*time.Minute)
	tr.p = tr.w.Start() // the daemon remembers whom the role let in
	tr.r = on(t, tr.p)
	tr.until("the breach", 10*time.Minute, broken)
	began := tr.last.Breaches[0].Since
	tr.restart()
	tr.until("the breach again", 10*time.Minute, broken)
	if since := tr.last.Breaches[0].Since; began.IsZero() || !since.Equal(began) {
		t.Errorf("the breach began at %s, after a restart at %s", began, since)
	}
	raise("canary 25%")
	held := tr.w.Now().Add(10 * time.Minute)
	tr.until("the breach", 10*time.Minute, func() bool { return broken() && tr.last.Decision.Reason.Code == phase.Breached })
	for tr.w.Now().Before(held) {
		tr.pass()
		for proxy, weight := range tr.w.Weights() {
			if weight != 1 {
				t.Fatalf("%s has %d%% while a role keeps the old nodes out", proxy, weight)
			}
		}
	}
	tr.until("canary 25% to be complete", 4*time.Hour, stands("canary 25%"))

	tr.w.KeepOut("dana", "orbit-images", 1000*time.Hour)
	tr.until("the breach", 10*time.Minute, broken)
	path := m.Path + "/migration.yaml"
	with := tr.w.File(m.Branch, path)
	without := strings.Replace(string(with), "orbit-images, ", "", 1)
	for _, data := range []string{without, string(with)} {
		if _, err := tr.w.Push("rita", m.Branch, []estate.File{{Path: path, Data: []byte(data)}}, nil, "The old nodes need it no longer"); err != nil {
			t.Fatal(err)
		}
		tr.until("the new principals to be accepted", 10*time.Minute, func() bool { return !broken() && tr.last.Decision.Kind == phase.Advance })
	}
	raise("canary 100%")
	tr.until("canary 100% to be complete", 4*time.Hour, stands("canary 100%"))
}
