package phase_test

import (
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// unbaked sets evidence to before the marker's weight was set.
func unbaked(_ *estate.Migration, e *evidence.Evidence) {
	was := e.Marker.Before.Weight
	e.Edge.Proxies = proxies(was)
	e.Edge.Bake = evidence.Bake{}
	if was > 0 {
		e.Edge.Bake = evidence.Bake{Commit: earlier, Weight: was, Since: t0.Add(-time.Hour), Baseline: proxies(was), Good: was, Passed: true}
	}
}

func edge(f func(*evidence.Edge)) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { f(&e.Edge) })
}

func unreachable(e *evidence.Edge) {
	e.Proxies[1] = evidence.Proxy{Name: "edge-2", Unreachable: "connection refused"}
}

func thirdServer(e *evidence.Edge) { e.Proxies[0].Third = "spare (UP, weight 10)" }

// intended is a weight of 5% that is going to be set, while the proxies still have 1%.
func intended(e *evidence.Edge) {
	e.Proxies = proxies(1)
	e.Bake = evidence.Bake{Commit: commit, Weight: 5, Since: t0, Baseline: proxies(1), Good: 1}
}

// failed is 5% that failed, so that 1% is good.
func failed(e *evidence.Edge) {
	e.Proxies = proxies(1)
	e.Bake = evidence.Bake{Commit: commit, Weight: 5, Since: t0.Add(-time.Minute), Baseline: proxies(5), Good: 1, Failed: "error rate: 0.2"}
}

// outage is for how long users may get no answer.
const outage = 5 * time.Second

// dead has the new cluster's server of one proxy down for a while.
func dead(ago time.Duration) func(*evidence.Edge) {
	return func(e *evidence.Edge) {
		e.Proxies[1].To.Up, e.Proxies[1].To.State, e.Proxies[1].To.For = false, "DOWN", ago
	}
}

func sessions(from, to int64) func(*estate.Migration, *evidence.Evidence) {
	return edge(func(e *evidence.Edge) {
		e.Steady = proxies(e.Bake.Weight)
		e.Proxies[0].From.Sessions, e.Proxies[0].To.Sessions = from, to
	})
}

// steady has all proxies at the weight that stands for a while, without a session.
func steady(ago time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return edge(func(e *evidence.Edge) { e.Steady, e.SteadySince = e.Proxies, t0.Add(-ago) })
}

func steadySince(ago time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return edge(func(e *evidence.Edge) { e.SteadySince = t0.Add(-ago) })
}

var edgeScenes = []scene{
	// Forward.
	{"what is intended is noted first", canary(5), unbaked, "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5.next]"},
	{"then the weight is set", canary(5), edge(intended), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"then it bakes", canary(5), edge(func(e *evidence.Edge) { intended(e); e.Proxies = proxies(5) }), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5]"},
	{"for its time", canary(5), baking(5, time.Minute), "hold step 14: baking until +2s"},
	{"not a moment longer", canary(5), baking(5, bakeTime-time.Second), "hold step 14: baking until +1s"},
	{"and has passed", canary(5), baking(5, bakeTime), "do step 14: weight-passed\n  pass-bake api at 5% [0123456789.5]"},
	{"all traffic is the next step", canary(100), baking(100, bakeTime), "do step 15: weight-passed\n  pass-bake api at 100% [0123456789.100]"},
	{"all traffic, and done", canary(100), nil, "advance step 0: complete until +2s"},
	{"the same weight again bakes again", canary(5), edge(func(e *evidence.Edge) { e.Bake.Commit = earlier }), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5]"},
	{"weights between are baked in turn", canary(100), also(after(freeze), auto, unbaked), "do step 14: weight-pending\n  begin-bake api at 1% [0123456789.1.next]"},
	{"the one after that has passed", canary(100), also(after(freeze), auto, func(m *estate.Migration, e *evidence.Evidence) {
		baking(5, bakeTime)(m, e)
		e.Edge.Bake.Passed, e.Edge.Bake.Good = true, 5
	}), "do step 14: weight-pending\n  begin-bake api at 25% [0123456789.25.next]"},
	{"a weight that has not passed comes before the next", canary(25), also(func(m *estate.Migration, e *evidence.Evidence) {
		baking(5, time.Minute)(m, e)
		e.Edge.Bake.Commit = earlier
	}), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5]"},

	// What keeps a weight from rising.
	{"a proxy that does not answer", canary(5), also(unbaked, edge(unreachable)), "hold step 14: proxy-unreachable until +2s"},
	{"a proxy that was not asked", canary(5), also(unbaked, edge(func(e *evidence.Edge) { e.Proxies = e.Proxies[:1] })), "hold step 14: proxy-unreachable until +2s"},
	{"a third server gets traffic at a proxy", canary(5), also(unbaked, edge(thirdServer)), "hold step 14: edge-third-server until +2s"},
	{"nor is all traffic all of it then", canary(100), edge(thirdServer), "hold step 15: edge-third-server until +2s"},
	{"a weight that was lost comes back all the same", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { thirdServer(e); lostWeight(e) })), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"and a weight goes back", freeze, also(after(canary(5)), edge(func(e *evidence.Edge) { e.Proxies = proxies(5); thirdServer(e) })), "do step 14: weight-pending\n  set-weight api to 0% at edge-1, edge-2"},
	{"the new server is down at a proxy", canary(5), also(unbaked, edge(func(e *evidence.Edge) { e.Proxies[1].To.Up = false })), "hold step 14: edge-server-down until +2s"},
	{"a service that is not ready", canary(5), also(unbaked, edited("web", func(s *evidence.Service) { s.Ready = false })), "hold step 10: deploying until +2s"},
	{"nor is it set, though intended", canary(5), also(edge(intended), edited("web", func(s *evidence.Service) { s.Ready = false })), "hold step 10: deploying until +2s"},
	{"a weight that bakes does not pass without all proxies", canary(5), also(baking(5, bakeTime), edge(unreachable)), "hold step 14: proxy-unreachable until +2s"},
	{"too little was measured", canary(5), also(baking(5, bakeTime), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Inconclusive) })), "hold step 14: bake-inconclusive until +2s"},
	{"for a long time", canary(5), also(baking(5, 3*bakeTime), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Inconclusive) })), "hold step 14: bake-inconclusive until +2s"},
	{"a check that was not made is no pass", canary(5), also(baking(5, bakeTime), edge(func(e *evidence.Edge) { e.Checks = e.Checks[:2] })), "hold step 14: bake-inconclusive until +2s"},
	{"the share disagrees", canary(5), also(baking(5, bakeTime), sessions(700, 300)), "hold step 14: share-disagrees until +2s"},
	{"what disagrees keeps the next weight from rising, too", canary(25), also(unbaked, sessions(700, 300)), "hold step 14: share-disagrees until +2s"},
	{"and one that is intended from being set", canary(5), also(edge(intended), sessions(700, 300)), "hold step 14: share-disagrees until +2s"},
	{"nor does one rise while its share is not known", canary(25), also(unbaked, steady(10*time.Second)), "hold step 14: share-unknown until +2s"},
	{"or was not looked at", canary(25), also(unbaked, edge(func(e *evidence.Edge) { e.Steady, e.SteadySince = nil, time.Time{} })), "hold step 14: share-unknown until +2s"},
	{"or is intended", canary(5), also(edge(intended), steady(59*time.Second)), "hold step 14: share-unknown until +1s"},
	{"it is known after a minute", canary(5), also(edge(intended), steady(time.Minute)), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"or after the bake time", canary(5), also(edge(intended), steady(20*time.Second), func(m *estate.Migration, _ *evidence.Evidence) { m.Edge.Steps[0].Bake = 20 * time.Second }), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"or once there were enough sessions", canary(5), also(edge(intended), sessions(198, 2), steadySince(0)), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"a weight does not pass before its share is known", canary(100), also(baking(100, bakeTime), steady(10*time.Second)), "hold step 15: share-unknown until +2s"},
	{"few sessions say nothing", canary(5), also(baking(5, bakeTime), sessions(70, 30)), "do step 14: weight-passed\n  pass-bake api at 5% [0123456789.5]"},
	{"the share agrees", canary(5), also(baking(5, bakeTime), sessions(940, 60)), "do step 14: weight-passed\n  pass-bake api at 5% [0123456789.5]"},
	{"what disagreed long ago does not matter", canary(5), also(baking(5, bakeTime), sessions(1700, 30), edge(func(e *evidence.Edge) {
		e.Steady[0].From.Sessions, e.Steady[0].To.Sessions = 1130, 0
	})),
		"do step 14: weight-passed\n  pass-bake api at 5% [0123456789.5]"},
	{"what disagrees lately does", canary(5), also(baking(5, bakeTime), sessions(9500, 500), edge(func(e *evidence.Edge) {
		e.Steady[0].From.Sessions, e.Steady[0].To.Sessions = 9000, 500
	})),
		"hold step 14: share-disagrees until +2s"},

	// What was reached is kept.
	{"a reload loses the weight", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies[0] = proxies(0)[0] })), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"it comes back before anything else", canary(5), also(baking(5, time.Minute), survey(func(v *evidence.Survey) { v.NodesReady = 0 }), edge(func(e *evidence.Edge) { e.Proxies[0] = proxies(0)[0] })),
		"do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"paused too", paused(canary(5)), also(after(canary(5)), baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Bake.Commit, e.Proxies[0] = earlier, proxies(0)[0] })), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"and while the marker is refused", canary(100), also(after(canary(5)), baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Bake.Commit, e.Proxies[0] = earlier, proxies(0)[0] })),
		"do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"a refused marker moves nothing", canary(100), also(after(canary(5)), baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Bake.Commit = earlier })), "refuse step 0: marker-skips until +2s"},
	{"not while a proxy does not answer", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies[0] = proxies(0)[0]; unreachable(e) })), "hold step 14: proxy-unreachable until +2s"},
	{"a higher weight is lowered at those that answer", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies[0] = proxies(25)[0]; unreachable(e) })), "do step 14: weight-pending\n  set-weight api to 5% at edge-1"},
	{"of two wrong weights the higher one is lowered first", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies[0], e.Proxies[1] = proxies(25)[0], proxies(0)[1] })), "do step 14: weight-pending\n  set-weight api to 5% at edge-1"},
	{"a weight that is intended is not lowered once it is set", canary(5), also(edge(func(e *evidence.Edge) { intended(e); e.Proxies = proxies(5) }), survey(func(v *evidence.Survey) { v.NodesReady = 0 })), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5]"},
	{"one that is half set goes back while something holds", canary(5), also(edge(func(e *evidence.Edge) { intended(e); e.Proxies[0] = proxies(5)[0] }), survey(func(v *evidence.Survey) { v.NodesReady = 0 })),
		"do step 14: weight-pending\n  set-weight api to 1% at edge-1"},
	{"a bake from before a rollback raises nothing", paused(canary(1)), also(after(canary(1)), edge(func(e *evidence.Edge) {
		e.Proxies = proxies(0)
		e.Bake = evidence.Bake{Commit: earlier, Weight: 25, Since: t0.Add(-time.Hour), Baseline: proxies(25), Good: 5}
	})), "do step 14: weight-pending\n  begin-bake api at 0% [0123456789.0]"},

	// A weight that fails.
	{"a failure is noted first", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) })), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"then the weight goes back", canary(5), edge(func(e *evidence.Edge) { failed(e); e.Proxies = proxies(5) }), "retreat step 14: weight-pending\n  set-weight api to 1% at edge-1, edge-2"},
	{"where it can", canary(5), edge(func(e *evidence.Edge) { failed(e); e.Proxies = proxies(5); unreachable(e) }), "retreat step 14: weight-pending\n  set-weight api to 1% at edge-1"},
	{"and stays there", canary(5), edge(failed), "hold step 14: weight-failed until +2s"},
	{"until another marker counts", canary(5), edge(func(e *evidence.Edge) { failed(e); e.Bake.Commit = earlier }), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5.next]"},
	{"lowered at every proxy it has failed", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies = proxies(1) })), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"one that was reloaded, too", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies = proxies(0); e.Proxies[0].Started = t0 })), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"reloaded everywhere it comes back", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) {
		e.Proxies = proxies(0)
		e.Proxies[0].Started, e.Proxies[1].Started = t0, t0
	})), "do step 14: weight-pending\n  set-weight api to 5% at edge-1, edge-2"},
	{"also if they were reloaded long before", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) {
		e.Proxies = reloaded()
		e.Bake.Seen = map[string]time.Time{"edge-1": t0, "edge-2": t0}
	})), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"unless a proxy does not answer", canary(5), also(baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Proxies = proxies(1); unreachable(e) })), "hold step 14: proxy-unreachable until +2s"},
	{"paused it goes back too", paused(canary(5)), also(after(canary(5)), baking(5, time.Minute), edge(func(e *evidence.Edge) { e.Bake.Commit, e.Checks = earlier, checks(evidence.Fail) })), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"whatever else holds", canary(5), also(baking(5, time.Minute), survey(func(v *evidence.Survey) { v.NodesReady = 0 }), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) })), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"what has passed can fail later", canary(5), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) }), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"all of the traffic too", canary(100), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) }), "retreat step 15: check-failed\n  fail-bake api at 100% [0123456789.100]"},
	{"while the next weight is due", canary(25), also(unbaked, edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Fail) })), "retreat step 14: check-failed\n  fail-bake api at 5% [0123456789.5]"},
	{"what has passed need not be measured on", canary(5), edge(func(e *evidence.Edge) { e.Checks = checks(evidence.Inconclusive) }), "advance step 0: complete until +2s"},
	{"a weight is not set while the one before it fails", canary(5), edge(func(e *evidence.Edge) { intended(e); e.Checks = checks(evidence.Fail) }), "retreat step 14: check-failed\n  fail-bake api at 1% [0123456789.1]"},
	{"what was gone back to fails as well", canary(5), edge(func(e *evidence.Edge) { failed(e); e.Checks = checks(evidence.Fail) }), "retreat step 14: check-failed\n  fail-bake api at 1% [0123456789.1]"},
	{"at 0% there is nothing to judge", canary(5), edge(func(e *evidence.Edge) {
		failed(e)
		e.Bake.Good, e.Proxies, e.Checks = 0, proxies(0), checks(evidence.Fail)
	}), "hold step 14: weight-failed"},
	{"where everything goes to a server that is down", canary(100), edge(dead(outage)), "retreat step 15: check-failed\n  fail-bake api at 100% [0123456789.100]"},
	{"then the weight goes back, and only then the next one is judged", canary(100), edge(func(e *evidence.Edge) { dead(outage)(e); e.Bake.Failed, e.Bake.Good = "no answer", 25 }), "retreat step 14: weight-pending\n  set-weight api to 25% at edge-1, edge-2"},
	{"not before it has been down for a moment", canary(100), edge(dead(outage - time.Second)), "hold step 15: edge-server-down until +2s"},
	{"not if the old one is down too", canary(100), edge(func(e *evidence.Edge) { dead(outage)(e); e.Proxies[1].From.Up = false }), "hold step 15: edge-server-down until +2s"},
	{"nor where the old one takes over", canary(25), edge(dead(outage)), "hold step 14: edge-server-down until +2s"},
	{"another attempt tries again", again(canary(5)), also(after(canary(5)), edge(func(e *evidence.Edge) { failed(e); e.Bake.Commit = earlier })), "do step 14: weight-pending\n  begin-bake api at 5% [0123456789.5.next]"},
	{"a pause that has ended does not", canary(5), also(after(paused(canary(5))), edge(func(e *evidence.Edge) { failed(e); e.Bake.Commit = earlier })), "hold step 14: weight-failed until +2s"},
	{"nor within the next attempt", again(canary(5)), also(after(paused(again(canary(5)))), edge(func(e *evidence.Edge) { failed(e); e.Bake.Commit = earlier })), "hold step 14: weight-failed until +2s"},
	{"what failed above the marker is history", canary(1), also(after(paused(canary(1))), edge(func(e *evidence.Edge) { failed(e); e.Bake.Commit = earlier })), "do step 14: weight-pending\n  begin-bake api at 1% [0123456789.1]"},

	// Back.
	{"back to an earlier weight at once", canary(1), also(after(canary(25)), edge(func(e *evidence.Edge) {
		e.Proxies = proxies(25)
		e.Bake = evidence.Bake{Commit: earlier, Weight: 25, Since: t0, Baseline: proxies(25), Good: 5}
	})), "do step 14: weight-pending\n  set-weight api to 1% at edge-1, edge-2"},
	{"which bakes again", canary(1), also(after(canary(25)), edge(func(e *evidence.Edge) {
		e.Bake = evidence.Bake{Commit: earlier, Weight: 25, Since: t0, Baseline: proxies(25), Good: 5}
	})), "do step 14: weight-pending\n  begin-bake api at 1% [0123456789.1]"},
	{"back before canary the edge comes first", deploy, also(after(canary(5)), edge(func(e *evidence.Edge) { e.Proxies = proxies(5) }), silences(silenced("s1", time.Hour)), frost(func(f *evidence.Freeze) { f.Pipelines[0].Frozen = true })),
		"do step 14: weight-pending\n  set-weight api to 0% at edge-1, edge-2"},
	{"at least where it can", freeze, also(after(canary(5)), edge(func(e *evidence.Edge) { e.Proxies = proxies(5); unreachable(e) })), "do step 14: weight-pending\n  set-weight api to 0% at edge-1"},
	{"nothing else is undone before all are at 0", deploy, also(after(canary(5)), edge(func(e *evidence.Edge) { e.Bake.Commit, e.Bake.Weight = earlier, 5; unreachable(e) }), silences(silenced("s1", time.Hour))),
		"hold step 14: proxy-unreachable until +2s"},
	{"developers are kept out until then, and fixes let through", freeze, also(after(canary(5)), breakGlass(time.Hour), edge(func(e *evidence.Edge) { e.Bake.Commit, e.Bake.Weight = earlier, 5; unreachable(e) }), frost(func(f *evidence.Freeze) { f.Pipelines[0].Frozen = false })),
		"do step 8: freeze-pending until +2s\n  freeze-pipeline api/deploy-prod [11]\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"that it is back is noted", freeze, also(after(canary(5)), edge(func(e *evidence.Edge) {
		e.Bake = evidence.Bake{Commit: earlier, Weight: 5, Baseline: proxies(5), Good: 1}
	})), "do step 14: weight-pending\n  begin-bake api at 0% [0123456789.0]"},
	{"a proxy that never moved traffic may be down", freeze, edge(unreachable), "advance step 0: complete"},
	{"traffic that nobody asked for goes back", deploy, edge(func(e *evidence.Edge) { e.Proxies = proxies(5) }), "do step 14: weight-pending\n  set-weight api to 0% at edge-1, edge-2"},
}

// TestWhatIsToldOfAFailure: a person has to know where traffic may still go, whatever else is told.
func TestWhatIsToldOfAFailure(t *testing.T) {
	m, e := scene{at: canary(5), edit: edge(func(e *evidence.Edge) { failed(e); unreachable(e) })}.set()
	refusal := phase.Reason{Code: phase.MarkerPushed, Text: "it was pushed"}
	for name, told := range map[string]string{
		"":              phase.Next(m, canary(5), &e, t0).Reason.Text,
		"it was pushed": phase.Refused(m, canary(5), &e, refusal, t0).Reason.Text,
	} {
		for _, want := range []string{name, "weight 5% failed: error rate: 0.2", "back at 1%", "edge-2 (connection refused)", "may still have 5%"} {
			if !strings.Contains(told, want) {
				t.Errorf("%q does not tell %q", told, want)
			}
		}
	}
}

func TestWhatIsNotedOfABake(t *testing.T) {
	m, e := scene{at: canary(5), edit: baking(5, time.Minute)}.set()
	e.Edge.Bake.Commit = earlier
	failed := phase.Noted(m, &e, phase.Action{Verb: phase.FailBake, Weight: 5, Reason: "slow"}, t0)
	if failed.Commit != commit || failed.Failed != "slow" || failed.Good != 1 {
		t.Errorf("a failure is that of the marker that counts now, so that it is not tried again at once: %+v", failed)
	}
	e.Edge.Bake.Good, e.Edge.Bake.Passed = 5, true
	if again := phase.Noted(m, &e, phase.Action{Verb: phase.BeginBake, Weight: 5}, t0); again.Good != 1 || again.Passed || again.Commit != commit || !again.Begun() {
		t.Errorf("a weight that is judged anew is not its own last good one: %+v", again)
	}
	for _, passed := range []struct{ weight, good int }{{1, 0}, {5, 1}, {25, 5}, {100, 25}} {
		e.Edge.Proxies = proxies(passed.weight)
		e.Edge.Bake = evidence.Bake{Commit: earlier, Weight: passed.weight, Baseline: proxies(passed.weight), Good: passed.weight, Passed: true}
		if later := phase.Noted(m, &e, phase.Action{Verb: phase.FailBake, Weight: passed.weight, Reason: "slow"}, t0); later.Good != passed.good || later.Passed || later.Commit != commit {
			t.Errorf("%d%% fails after it has passed, so the step before it is good: %+v", passed.weight, later)
		}
	}
	e.Edge.Bake = evidence.Bake{Commit: earlier, Weight: 100, Since: t0.Add(-time.Hour), Baseline: proxies(100), Good: 25, Failed: "slow", FailedAt: t0.Add(-time.Minute)}
	for i, good := range []int{5, 1, 0} {
		e.Edge.Bake = phase.Noted(m, &e, phase.Action{Verb: phase.FailBake, Weight: e.Edge.Bake.Good, Reason: "still"}, t0.Add(time.Duration(i)*time.Second))
		if b := e.Edge.Bake; b.Good != good || b.Stands() != good || b.Weight != 100 || !b.FailedAt.Equal(t0.Add(time.Duration(i)*time.Second)) {
			t.Errorf("what was gone back to fails, so the step before it is good: %+v", b)
		}
	}
	if want := "slow; then 25%: still; then 5%: still; then 1%: still"; e.Edge.Bake.Failed != want {
		t.Errorf("the failure is told as %q, want %q", e.Edge.Bake.Failed, want)
	}
	intended(&e.Edge)
	e.Edge.Bake.Commit, e.Edge.Proxies = earlier, proxies(5)
	if b := phase.Noted(m, &e, phase.Action{Verb: phase.BeginBake, Weight: 5}, t0); b.Commit != earlier || !b.Begun() || b.Good != 1 {
		t.Errorf("what was going to be set is set, for the marker that it was meant for: %+v", b)
	}
	intended(&e.Edge)
	if b := phase.Noted(m, &e, phase.Action{Verb: phase.FailBake, Weight: 1, Reason: "slow"}, t0); b.Weight != 1 || b.Good != 0 || b.Stands() != 0 || b.Failed != "slow" {
		t.Errorf("the weight before the one that was going to be set fails: %+v", b)
	}
	lost := e
	lost.Edge.Bake = evidence.Bake{Commit: earlier, Weight: 5, Baseline: proxies(5), Good: 1}
	lost.Marker = evidence.Marker{}
	if kept := phase.Noted(m, &lost, phase.Action{Verb: phase.FailBake, Weight: 5, Reason: "slow"}, t0); kept.Commit != earlier {
		t.Errorf("without a marker the note loses whose bake it was: %+v", kept)
	}
	taken := e
	taken.Edge.Bake = evidence.Bake{Commit: commit, Weight: 100, Baseline: proxies(100), Good: 25}
	for _, by := range []struct{ weight, good int }{{25, 25}, {1, 1}, {0, 0}, {99, 25}} {
		taken.Edge.Proxies = proxies(by.weight)
		if b := phase.Noted(m, &taken, phase.Action{Verb: phase.FailBake, Weight: 100, Reason: "taken back"}, t0); b.Good != by.good || b.Stands() != by.good {
			t.Errorf("lowered to %d%% at every proxy, what is gone back to is no higher: %+v", by.weight, b)
		}
	}
	e.Edge.Bake = evidence.Bake{Commit: earlier, Weight: 5, Baseline: proxies(5), Good: 1}
	if passed := phase.Noted(m, &e, phase.Action{Verb: phase.PassBake, Weight: 5}, t0); passed.Good != 5 || !passed.Passed {
		t.Errorf("a weight that passed is good: %+v", passed)
	}
}
