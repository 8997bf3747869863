package phase_test

import (
	"testing"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// reloaded are proxies whose processes have begun now, at their configured weight.
func reloaded() []evidence.Proxy {
	list := proxies(0)
	for i := range list {
		list[i].Started = t0
	}
	return list
}

// TestSeen lets the proxies of a weight that bakes be looked at again and again, with the note that the last look left.
func TestSeen(t *testing.T) {
	back := proxies(5)
	back[0].Started = t0
	bake := evidence.Bake{Commit: commit, Weight: 5, Since: t0.Add(-time.Minute), Baseline: proxies(5), Good: 1}
	passed := bake
	passed.Passed, passed.Good = true, 5
	failed := bake
	failed.Failed = "slow"
	pending := evidence.Bake{Commit: commit, Weight: 25, Since: t0.Add(-time.Minute), Baseline: proxies(5), Good: 5}
	type look struct {
		proxies []evidence.Proxy
		changed bool
		lost    bool
		anew    bool // its bake begins anew
	}
	half := proxies(5)
	half[0] = reloaded()[0]
	gone := proxies(5)
	gone[1] = evidence.Proxy{Name: "edge-2", Unreachable: "timeout"}
	halfGone := []evidence.Proxy{reloaded()[0], gone[1]}
	for _, tt := range []struct {
		name  string
		bake  evidence.Bake
		looks []look
	}{
		{"nothing happens", bake, []look{{proxies(5), false, false, false}, {proxies(5), false, false, false}}},
		{"one proxy reloads", bake, []look{{half, false, false, false}, {back, true, false, false}, {back, false, false, false}}},
		{"all of them", bake, []look{{reloaded(), true, true, false}, {reloaded(), false, true, false}, {back, true, false, true}, {back, false, false, false}}},
		{"one does not answer", bake, []look{{gone, false, false, false}, {proxies(5), false, false, false}}},
		{"and the other reloads", bake, []look{{halfGone, true, true, false}, {gone, false, true, false}, {proxies(5), true, false, true}}},
		{"a weight that has passed bakes no more", passed, []look{{reloaded(), true, true, false}, {back, true, false, false}}},
		{"nor one that failed", failed, []look{{reloaded(), true, true, false}, {proxies(1), true, false, false}}},
		{"nor the one before what is going to be set", pending, []look{{reloaded(), true, true, false}, {back, true, false, false}}},
		{"a weight that nobody set", evidence.Bake{}, []look{{proxies(5), false, false, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.bake
			for i, l := range tt.looks {
				since := b.Since
				next, changed := phase.Seen(evidence.Edge{Proxies: l.proxies, Bake: b}, t0)
				if changed != l.changed || next.Lost != l.lost || next.Since.Equal(since) == l.anew {
					t.Errorf("look %d: changed %v, lost %v, since %s", i+1, changed, next.Lost, clock(next.Since))
				}
				if l.anew && (!next.Begun() || !next.Baseline[0].Started.Equal(l.proxies[0].Started)) {
					t.Errorf("look %d: counted from %+v", i+1, next.Baseline)
				}
				b = next
			}
		})
	}
}
