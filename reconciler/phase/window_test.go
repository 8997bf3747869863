package phase_test

import (
	"testing"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// TestWindow reads the proxies every second, at a rate of requests to the new cluster, and looks how old the count is that
// the window remembers.
func TestWindow(t *testing.T) {
	for _, tt := range []struct {
		name        string
		perSecond   float64
		least, most time.Duration // how old it is, once it has been counted long enough
	}{
		{"with much traffic", 50, time.Minute, 2 * time.Minute},
		{"with little", 0.5, 200 * time.Second, 402 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w phase.Window
			for second := range 2000 {
				now := t0.Add(time.Duration(second) * time.Second)
				e := edgeAfter(int64(tt.perSecond * float64(second)))
				w = w.Over(e, now)
				age := time.Duration(float64(e.Proxies[0].To.Requests-w.Lately()[0].To.Requests)/tt.perSecond) * time.Second
				if second > 500 && (age < tt.least-2*time.Second || age > tt.most) {
					t.Fatalf("after %d s the count is %s old, want %s to %s", second, age, tt.least, tt.most)
				}
			}
		})
	}
}

func edgeAfter(requests int64) evidence.Edge {
	e := evidence.Edge{Proxies: proxies(5), Bake: evidence.Bake{Commit: commit, Weight: 5, Since: t0, Baseline: proxies(5), Good: 1}}
	for i := range e.Proxies {
		e.Proxies[i].To.Requests = requests
	}
	if requests > 0 { // both together have that many
		e.Proxies[1].To.Requests = 0
	}
	return e
}

func TestWindowBeginsWithTheWeight(t *testing.T) {
	var w phase.Window
	at := func(seconds int, requests int64, edit func(*evidence.Edge)) int64 {
		e := edgeAfter(requests)
		if edit != nil {
			edit(&e)
		}
		w = w.Over(e, t0.Add(time.Duration(seconds)*time.Second))
		return w.Lately()[0].To.Requests
	}
	back := func(e *evidence.Edge) {
		e.Bake.Failed, e.Proxies[1] = "slow", proxies(1)[1]
		e.Proxies[0].To.Weight = 1
	}
	late := func(e *evidence.Edge) { back(e); e.Proxies[1] = proxies(5)[1] }
	gone := func(e *evidence.Edge) { back(e); e.Proxies[0] = evidence.Proxy{Name: "edge-1", Unreachable: "timeout"} }
	for i, step := range []struct {
		seconds  int
		requests int64
		edit     func(*evidence.Edge)
		want     int64
	}{
		{0, 1000, nil, 1000},
		{1, 1100, nil, 1000},
		{2, 1200, late, 1200}, // the weight has failed, and a proxy still has it
		{3, 1300, late, 1300},
		{4, 1400, back, 1300},
		{70, 2000, gone, 1300}, // one that does not answer is remembered as it was
		{71, 2100, back, 1300},
		{140, 3000, back, 2100},
	} {
		if got := at(step.seconds, step.requests, step.edit); got != step.want {
			t.Errorf("look %d: the oldest count is %d, want %d", i+1, got, step.want)
		}
	}
	w = phase.Window{}
	for second := range 15 { // a proxy that takes no weight does not keep the others from being judged
		at(second, 1000+int64(second), late)
	}
	if got := w.Lately()[0].To.Requests; got != 1009 {
		t.Errorf("the oldest count is %d, want that of after ten seconds", got)
	}
}

// TestWindowGoesOnWhileTheNextWeightIsNoted: what stands goes on standing until the proxies have another.
func TestWindowGoesOnWhileTheNextWeightIsNoted(t *testing.T) {
	var w phase.Window
	for second, look := range []struct {
		what  string
		bake  evidence.Bake
		at    int // what the proxies have
		since int // the second since which it is counted
	}{
		{"5% bakes", evidence.Bake{Commit: commit, Weight: 5, Baseline: proxies(5)}, 5, 0},
		{"25% is noted", evidence.Bake{Commit: commit, Weight: 25, Since: t0, Baseline: proxies(5)}, 5, 0},
		{"by another marker, too", evidence.Bake{Commit: earlier, Weight: 25, Since: t0.Add(time.Second), Baseline: proxies(5)}, 5, 0},
		{"25% bakes", evidence.Bake{Commit: earlier, Weight: 25, Since: t0.Add(3 * time.Second), Baseline: proxies(25)}, 25, 3},
		{"for another marker", evidence.Bake{Commit: commit, Weight: 25, Since: t0.Add(4 * time.Second), Baseline: proxies(25)}, 25, 4},
		{"and fails", evidence.Bake{Commit: commit, Weight: 25, Since: t0.Add(4 * time.Second), Baseline: proxies(25), Good: 5, Failed: "slow"}, 5, 5},
	} {
		w = w.Over(evidence.Edge{Proxies: proxies(look.at), Bake: look.bake}, t0.Add(time.Duration(second)*time.Second))
		if got, want := w.SteadySince(), t0.Add(time.Duration(look.since)*time.Second); !got.Equal(want) {
			t.Errorf("%s: counted since %s, want %s", look.what, clock(got), clock(want))
		}
	}
}

// TestSteady: the share of the sessions is counted only while every proxy has the weight.
func TestSteady(t *testing.T) {
	var w phase.Window
	look := func(second int, edit func(*evidence.Edge)) []evidence.Proxy {
		e := edgeAfter(1000)
		e.Proxies[0].To.Sessions = int64(10 * second)
		if edit != nil {
			edit(&e)
		}
		w = w.Over(e, t0.Add(time.Duration(second)*time.Second))
		return w.Steady()
	}
	for second := range 300 {
		lost := second >= 30 && second < 200
		steady := look(second, func(e *evidence.Edge) {
			if lost {
				e.Proxies[1] = proxies(0)[1]
			}
		})
		switch {
		case lost && steady != nil:
			t.Fatalf("after %d s something is said of a weight that a proxy has lost", second)
		case second >= 200 && steady[0].To.Sessions < 2000:
			t.Fatalf("after %d s the count goes back to when a proxy had lost the weight: %+v", second, steady[0].To)
		}
	}
}
