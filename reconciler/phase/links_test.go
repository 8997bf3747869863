package phase_test

import (
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

func link(f func(*evidence.Link)) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { f(&e.Links[0]) })
}

var linkScenes = []scene{
	{"the address is on its way", freeze, link(func(l *evidence.Link) { l.New = evidence.TargetNew }), "hold step 11: secret-sync-lag until +5s"},
	{"the copy gets the old address first", freeze, also(different(evidence.SecretStale), link(func(l *evidence.Link) { l.New = evidence.TargetNew })), "do step 2: secrets-pending\n  copy-secrets orbit-prod2: core/api-match"},
	{"then the client restarts", freeze, link(func(l *evidence.Link) { l.Stale = 3 }), "do step 11: links-pending\n  restart-client orbit/core/api [old]"},
	{"once for both of its singletons", freeze, with(func(e *evidence.Evidence) {
		e.Links[0].Stale = 3
		e.Links = append(e.Links, e.Links[0])
	}), "do step 11: links-pending\n  restart-client orbit/core/api [old]"},
	{"when both addresses are there", freeze, with(func(e *evidence.Evidence) {
		e.Links[0].Stale = 3
		e.Links = append(e.Links, e.Links[0])
		e.Links[1].New = evidence.TargetUnknown
	}), "hold step 11: secret-sync-lag until +5s"},
	{"before deploy, a client that is not ready is not waited for", prepare, also(after(deploy), edited("api", func(s *evidence.Service) { s.Ready = false })), "advance step 0: complete"},
	{"while it restarts it is not ready", freeze, also(link(func(l *evidence.Link) { l.Stale = 1 }), edited("api", func(s *evidence.Service) { s.Class, s.Ready = estate.Exclusive, false })), "hold step 11: client-restarting until +5s"},
	{"going back to deploy it talks to the new one again", deploy, also(after(freeze), link(func(l *evidence.Link) { l.Stale = 3 })), "do step 11: links-pending\n  restart-client orbit/core/api [new]"},
	{"going back, the copy gets the new address first", deploy, also(after(freeze), different(evidence.SecretStale), link(func(l *evidence.Link) { l.New = evidence.TargetOld })), "do step 2: secrets-pending\n  copy-secrets orbit-prod2: core/api-match"},
	{"going back, the address is on its way", deploy, also(after(freeze), link(func(l *evidence.Link) { l.New = evidence.TargetOld })), "hold step 11: secret-sync-lag until +5s"},
	{"going back, sessions may end first", deploy, also(after(canary(1)), link(func(l *evidence.Link) { l.New, l.Stale = evidence.TargetOld, 3 }), drained(time.Minute)), "hold step 11: draining until +2s"},
	{"as while a proxy does not tell how many it has", deploy, also(after(canary(1)), drained(time.Minute), edge(func(e *evidence.Edge) {
		e.Proxies[0], e.Proxies[1].Unreachable = proxies(0)[0], "timeout"
	})), "hold step 11: draining until +2s"},
	{"but not for ever", deploy, also(after(canary(1)), link(func(l *evidence.Link) { l.Stale = 3 }), drained(5*time.Minute)), "do step 11: links-pending\n  restart-client orbit/core/api [new]"},
	{"a client that does not run yet needs no address", prepare, link(func(l *evidence.Link) { l.New, l.Pods = evidence.TargetUnknown, 0 }), "advance step 0: complete"},
	{"a client that cannot restart does not keep a fix from being deployed", deploy, also(after(freeze), link(func(l *evidence.Link) { l.Stale = 1 }), edited("api", func(s *evidence.Service) { s.Ready, s.Wanted = false, "d2" })),
		"do step 6: deploying\n  deploy orbit/core/api [cutover.api.d2.2]"},
}

// drained is an edge that went back to 0 a while ago, and still has a session of the new cluster.
func drained(ago time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return edge(func(e *evidence.Edge) {
		left := draining(ago, 1)
		e.Bake, e.Proxies[0].To.Current = left.Bake, 1
	})
}

func TestWantTarget(t *testing.T) {
	for name, test := range map[string]struct {
		at   estate.Marker
		edge evidence.Edge
		want evidence.Target
	}{
		"before anything was switched":                  {deploy, evidence.Edge{}, evidence.TargetNew},
		"from freeze on":                                {freeze, evidence.Edge{}, evidence.TargetOld},
		"with traffic":                                  {canary(5), evidence.Edge{Proxies: proxies(5)}, evidence.TargetOld},
		"going back, before the weight is 0":            {deploy, evidence.Edge{Proxies: proxies(5), Bake: evidence.Bake{Commit: earlier, Weight: 5}}, evidence.TargetOld},
		"before it is noted to be 0":                    {deploy, evidence.Edge{Proxies: proxies(0), Bake: evidence.Bake{Commit: earlier, Weight: 5}}, evidence.TargetOld},
		"while sessions are left":                       {deploy, draining(time.Minute, 3), evidence.TargetOld},
		"once none is":                                  {deploy, draining(time.Minute, 0), evidence.TargetNew},
		"for as long as they are waited for":            {deploy, draining(5*time.Minute, 3), evidence.TargetNew},
		"the freeze is back while sessions still drain": {freeze, draining(time.Minute, 3), evidence.TargetOld},
	} {
		if got := phase.WantTarget(test.at, &evidence.Evidence{Edge: test.edge}, t0); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// draining is an edge that went back to 0 a while ago, and still has some sessions of the new cluster.
func draining(ago time.Duration, sessions int64) evidence.Edge {
	e := evidence.Edge{Proxies: proxies(0), Bake: evidence.Bake{Commit: earlier, Since: t0.Add(-ago), Baseline: proxies(0)}}
	e.Proxies[0].To.Current = sessions
	return e
}
