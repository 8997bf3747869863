package phase_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// nobodyAnswers is evidence of which only the marker and the edge are there.
func nobodyAnswers(_ *estate.Migration, e *evidence.Evidence) {
	*e = evidence.Evidence{Marker: e.Marker, Edge: e.Edge, Unseen: []evidence.Unseen{{What: "secrets", Reason: "sealed"}, {What: "pipelines", Reason: "timeout"}}}
}

// away is one system that could not be looked at.
func away(_ *estate.Migration, e *evidence.Evidence) {
	e.Unseen = []evidence.Unseen{{What: "secrets", Reason: "sealed"}}
}

// blindTo is one thing that could not be looked at.
func blindTo(what string) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { e.Unseen = []evidence.Unseen{{What: what, Reason: "timeout"}} })
}

// allFrozen is a freeze that stands.
var allFrozen = frost(func(f *evidence.Freeze) {
	for i := range f.Pipelines {
		f.Pipelines[i].Frozen = true
	}
	f.Reviews[0].Blocked = true
})

func lostWeight(e *evidence.Edge) { e.Proxies[0] = proxies(0)[0] }

var unseenScenes = []scene{
	{"what could not be looked at is waited for", deploy, away, "hold step 0: unseen until +5s"},
	{"whatever there is to do", deploy, also(away, services(service("web", estate.Stateless))), "hold step 0: unseen until +5s"},
	{"nothing begins without it", nowhere, also(away, with(func(e *evidence.Evidence) { e.Marker = evidence.Marker{} })), "hold step 0: unseen until +5s"},
	{"the freeze is undone, as developers wait", deploy, also(away, after(freeze), allFrozen), "do step 8: thaw-pending\n  thaw-pipeline api/deploy-prod [11]\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"not while the marker is paused", paused(deploy), also(away, after(deploy), allFrozen), "hold step 0: unseen until +5s"},
	{"nor before the traffic is known to be back", deploy, also(after(canary(5)), allFrozen, blindTo(evidence.TheEdge)), "hold step 0: unseen until +5s"},
	{"nor while half of it is seen", deploy, also(after(freeze), allFrozen, blindTo(evidence.TheFreeze)), "hold step 0: unseen until +5s"},
	{"nothing else is undone", deploy, also(away, after(canary(5)), noTraffic, silences(silenced("s1", time.Hour))), "hold step 0: unseen until +5s"},
	{"paused, it is told as well", paused(deploy), also(away, after(deploy)), "hold step 0: unseen until +5s"},
	{"a refused marker stays refused", canary(25), also(after(canary(1)), unbaked, away), "refuse step 0: marker-skips until +2s"},
	{"missing services are no reason for anything", canary(5), nobodyAnswers, "hold step 0: unseen until +2s"},
	{"no weight rises", canary(5), also(unbaked, nobodyAnswers), "hold step 0: unseen until +2s"},
	{"none is set that is only intended", canary(5), also(edge(intended), nobodyAnswers), "hold step 0: unseen until +2s"},
	{"none passes", canary(5), also(baking(5, bakeTime), away), "hold step 0: unseen until +2s"},
	{"a weight that was lost comes back", canary(5), also(edge(lostWeight), nobodyAnswers), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"not if nobody knows who would answer", canary(5), also(edge(lostWeight), blindTo(evidence.TheServices)), "hold step 0: unseen until +2s"},
	{"one that fails goes back", canary(5), also(edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) }), nobodyAnswers), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"traffic goes back", deploy, also(after(canary(5)), edge(func(e *evidence.Edge) { e.Proxies = proxies(5) }), nobodyAnswers), "do step 14: weight-pending\n  set-weight api to 0% at edge-1, edge-2"},
	{"without the note of the bake nothing is known of a weight", canary(5), also(edge(func(e *evidence.Edge) { e.Bake = evidence.Bake{} }), nobodyAnswers), "hold step 0: unseen until +5s"},
	{"a freeze that has come undone is seen", canary(5), also(away, frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false })), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},
	{"a silence that is seen is extended", canary(5), also(away, silences(silenced("s1", time.Hour))), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"nor does it wait for a proxy", canary(5), also(silences(silenced("s1", time.Hour)), edge(func(e *evidence.Edge) { lostWeight(e); unreachable(e) })), "do step 13: silence-pending until +2s\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"all of it is kept up at once", canary(5), also(edge(lostWeight), frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false }), silences(silenced("s1", time.Hour))),
		"do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2\n  freeze-pipeline web/deploy-prod [12]\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"one that is not seen may be there", canary(5), also(away, silences()), "hold step 0: unseen until +2s"},
}

func TestWithoutASystemThereIsNoPlan(t *testing.T) {
	m, e := scene{at: deploy, edit: nobodyAnswers}.set()
	for _, at := range append(phase.Checkpoints(m), nowhere) {
		plan := phase.Plan(m, at, &e, t0)
		if len(plan) != 1 || !plan[0].Stops || plan[0].Code != phase.Unseen || plan[0].Wait == "" {
			t.Errorf("%s: %+v", phase.Title(at), plan)
		}
		for _, row := range phase.Overview(m, at, &e, t0) {
			if row.Complete {
				t.Errorf("%s: step %d is said to be complete, and nothing was seen", phase.Title(at), row.Number)
			}
		}
	}
}

func TestKeep(t *testing.T) {
	tests := []scene{
		{"all is as it was reached", canary(5), nil, ""},
		{"before the migration begins the proxies are none of its business", nowhere, edge(func(e *evidence.Edge) { e.Proxies = proxies(25) }), ""},
		{"a lost weight is set again", canary(5), edge(lostWeight), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
		{"all of the traffic too", canary(100), edge(lostWeight), "do step 15: weight-pending\n  set-weight api to 100% at edge-1, edge-2"},
		{"not while another does not answer", canary(5), edge(func(e *evidence.Edge) { lostWeight(e); unreachable(e) }), ""},
		{"a higher weight is lowered", canary(5), edge(func(e *evidence.Edge) { e.Proxies = proxies(25) }), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
		{"at those that answer", canary(5), edge(func(e *evidence.Edge) { e.Proxies = proxies(25); unreachable(e) }), "do step 14: weight-pending\n  set-weight api to 5% at edge-1"},
		{"a failure is noted", canary(5), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) }), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
		{"and the weight goes back", canary(5), edge(func(e *evidence.Edge) { failed(e); e.Proxies = proxies(5) }), "retreat step 14: weight-pending\n  set-weight api to 1% at edge-1, edge-2"},
		{"no weight rises", canary(5), unbaked, ""},
		{"none passes", canary(5), baking(5, bakeTime), ""},
		{"what is only intended is not set", canary(5), edge(intended), ""},
		{"once it is set everywhere it is noted, so that it is judged", canary(5), edge(func(e *evidence.Edge) { intended(e); e.Proxies = proxies(5) }), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5]"},
		{"for the marker it was set for", canary(5), also(stood, edge(func(e *evidence.Edge) { intended(e); e.Bake.Commit, e.Proxies = earlier, proxies(5) })), "do step 14: weight-pending\n  begin-bake api at 5% [fedcba9876.5]"},
		{"a proxy that does not answer may not have it, so that the others go back", canary(5), edge(func(e *evidence.Edge) { intended(e); e.Proxies = proxies(5); unreachable(e) }), "do step 14: weight-pending\n  set-weight api to 1% at edge-1"},
		{"what was gone back to fails as well", canary(5), edge(func(e *evidence.Edge) { failed(e); e.Checks = checks(evidence.Fail) }), "retreat step 14: check-failed\n  fail-bake api at 1% [0123456789.1]"},
		{"users who get no answer go back", canary(100), edge(dead(outage)), "retreat step 15: check-failed\n  fail-bake api at 100% [0123456789.100]"},
		{"what is half set goes back", canary(5), edge(func(e *evidence.Edge) { intended(e); e.Proxies[0] = proxies(5)[0] }), "do step 14: weight-pending\n  set-weight api to 1% at edge-1"},
		{"what is lost meanwhile is left to the pass", canary(5), edge(func(e *evidence.Edge) { intended(e); lostWeight(e) }), ""},
		{"before canary all traffic goes back", freeze, edge(func(e *evidence.Edge) { e.Proxies = proxies(5) }), "do step 14: weight-pending\n  set-weight api to 0% at edge-1, edge-2"},
		{"that it is back is for the pass to note", freeze, edge(func(e *evidence.Edge) { e.Bake = evidence.Bake{Commit: earlier, Weight: 5, Baseline: proxies(5)} }), ""},
		{"paused", paused(canary(5)), also(after(canary(5)), edge(lostWeight)), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
		{"for the marker that counted last", canary(5), also(stood, edge(lostWeight)), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
		{"it can fail, too", canary(5), also(stood, edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) })), "retreat step 14: check-failed\n  fail-bake api at 5% [fedcba9876.5]"},
		{"what it asked for and was not reached is not set", canary(25), also(stood, edge(func(e *evidence.Edge) {
			e.Proxies = proxies(1)
			e.Bake = evidence.Bake{Commit: "aaaaaaaa", Weight: 100, Baseline: proxies(100), Good: 25, Failed: "slow"}
		})), "do step 14: weight-pending\n  begin-bake api at 1% [fedcba9876.1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, e := tt.set()
			nobodyAnswers(m, &e)
			d, ok := phase.Keep(m, tt.at, &e, t0)
			got := ""
			if ok {
				got = transcript(d)
				judge(t, d)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// stood is the evidence of the marker that counted last, while git has another one.
func stood(_ *estate.Migration, e *evidence.Evidence) {
	e.Marker = evidence.Marker{Commit: earlier, Trailer: "canary", Before: canary(1), Reviewed: true}
	e.Edge.Bake.Commit = earlier
}

func TestWhatGitLostIsKeptUp(t *testing.T) {
	why := phase.Reason{Code: phase.MarkerLost, Text: "the branch was rewritten"}
	for _, tt := range []struct {
		edit func(*estate.Migration, *evidence.Evidence)
		want string
	}{
		{edge(func(*evidence.Edge) {}), "refuse step 0: marker-lost until +2s"},
		{edge(lostWeight), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
		{frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false }), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},
		{silences(), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\""},
	} {
		m, e := scene{at: canary(5), edit: also(stood, tt.edit)}.set()
		if diff := cmp.Diff(tt.want, transcript(phase.Refused(m, canary(5), &e, why, t0))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// kept holds Keep to its promise in every situation: it needs the marker and the edge alone, lowers more than it raises,
// and comes to an end.
func kept(t *testing.T, seed uint64, m *estate.Migration, at estate.Marker, e evidence.Evidence) (lowered, restored bool) {
	t.Helper()
	with, _ := phase.Keep(m, at, &e, t0)
	nobodyAnswers(m, &e)
	for range 4 {
		d, ok := phase.Keep(m, at, &e, t0)
		if transcript(with) != transcript(d) {
			t.Errorf("seed %d: other systems change what is kept up: %s, without them %s", seed, transcript(with), transcript(d))
		}
		if !ok {
			return lowered, restored
		}
		judge(t, d)
		for _, a := range d.Actions {
			if a.Verb != phase.SetWeight && a.Verb != phase.BeginBake && a.Verb != phase.FailBake {
				t.Errorf("seed %d: %s is none of its verbs", seed, line(a))
			}
			if b := e.Edge.Bake; a.Verb == phase.BeginBake && (a.Weight >= max(b.Weight, b.Stands()) && (b.Begun() || b.Weight != a.Weight) || len(e.Edge.Proxies) != 2 || slices.ContainsFunc(e.Edge.Proxies, func(p evidence.Proxy) bool { return p.To.Weight != a.Weight })) {
				t.Errorf("seed %d: %s notes what is not so: %+v", seed, line(a), b)
			}
			for _, p := range e.Edge.Proxies {
				if a.Verb != phase.SetWeight || !slices.Contains(a.Items, p.Name) {
					continue
				}
				lowered = lowered || a.Weight < p.To.Weight
				if a.Weight <= p.To.Weight {
					continue
				}
				restored = true
				if b := e.Edge.Bake; !b.Begun() || a.Weight > b.Weight && a.Weight > b.Good || b.Failed != "" && a.Weight > b.Good || a.Weight > at.Weight {
					t.Errorf("seed %d: at %s %s, which %s has not, goes beyond what was noted: %+v", seed, at, line(a), p.Name, b)
				}
			}
			e = phase.After(m, at, &e, a, t0)
		}
		with, _ = phase.Keep(m, at, &e, t0)
	}
	t.Errorf("seed %d: no end of keeping up %s", seed, at)
	return lowered, restored
}
