package phase

import (
	"maps"
	"time"

	"cutover/reconciler/evidence"
)

// Seen is the note of the bake after a look at the edge, and whether it has anything new to remember: which processes of
// the proxies have had the weight that stands, or that no proxy has it any more. A weight that nobody had for a while has
// not baked: once it is everywhere again, its bake begins anew. If some proxies kept it, it went on.
func Seen(e evidence.Edge, now time.Time) (evidence.Bake, bool) {
	b := e.Bake
	switch {
	case !Judged(b):
		return b, false
	case everywhere(e, b.Stands()):
		started := startsOf(e.Proxies)
		if b.Lost && b.Failed == "" && !b.Passed && b.Begun() {
			return begun(b, e, now), true
		}
		changed := b.Lost || !maps.EqualFunc(processes(b), started, time.Time.Equal)
		b.Lost, b.Seen = false, started
		return b, changed
	case !b.Lost && lowered(e):
		b.Lost = true
		return b, true
	}
	return b, false
}

// processes are when the processes of the proxies began that have had the weight that stands, by the name of the proxy.
func processes(b evidence.Bake) map[string]time.Time {
	if b.Seen != nil {
		return b.Seen
	}
	return startsOf(b.Baseline)
}

func startsOf(list []evidence.Proxy) map[string]time.Time {
	out := map[string]time.Time{}
	for _, p := range list {
		if p.Unreachable == "" {
			out[p.Name] = p.Started
		}
	}
	return out
}
