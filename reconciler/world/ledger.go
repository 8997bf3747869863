package world

import (
	"maps"
	"math"
	"slices"
	"time"

	"cutover/gitops/estate"
)

// ledger is which weight all proxies were given last, and how it has fared: the world's own account of the canary.
type ledger struct {
	weight int
	since  time.Time             // when the last proxy had it
	before map[string][2]float64 // sessions of the two servers, by proxy, when all had it last and every server was up
	from   time.Time             // when that was
	served float64               // requests that the new cluster had got then
	baked  map[int]bool          // the weights that fared well, as long as no lower one is set
	doubt  bool                  // users got errors with it, so that it may have failed
	back   bool                  // the program has tried to set a lower one since, and not every proxy took it
	lost   int                   // passes in which a proxy lacked it and nothing was in the way of putting it back
}

func newLedger() ledger { return ledger{baked: map[int]bool{}} }

// follows notes what the proxies have after the program has set a weight, or tried to.
func (l *ledger) follows(w *World, weight int) {
	l.back = weight < l.weight
	least, most, down := 100, 0, false
	for _, x := range w.fleet {
		if !w.works(x) {
			down = true
			continue
		}
		least, most = min(least, x.to.weight), max(most, x.to.weight)
	}
	switch {
	case most < l.weight && weight < l.weight: // also where a proxy is down: it comes back with nothing
	case most > l.weight && least == most && !down:
		if l.unproven(w) == "" {
			l.baked[l.weight] = true
		}
	case most == l.weight && least == most:
		l.counts(w)
		return
	default:
		return
	}
	maps.DeleteFunc(l.baked, func(baked int, _ bool) bool { return baked > most })
	l.weight, l.since, l.doubt, l.back, l.lost = most, w.now, false, false, 0
	l.served = w.servedBy(w.migration.To.Cluster)
	l.counts(w)
}

// counts begins to count the sessions anew.
func (l *ledger) counts(w *World) {
	l.from, l.before = w.now, map[string][2]float64{}
	for name, x := range w.fleet {
		l.before[name] = [2]float64{x.from.sessions, x.to.sessions}
	}
}

// unproven says what the weight that the proxies have still lacks before the next one may follow; "" if nothing.
func (l *ledger) unproven(w *World) string {
	i := slices.IndexFunc(w.migration.Edge.Steps, func(s estate.EdgeStep) bool { return s.Weight == l.weight })
	switch {
	case i < 0 || l.baked[l.weight]:
		return ""
	case w.now.Sub(l.since) < w.migration.Edge.Steps[i].Bake:
		return "has not baked for its time"
	case l.apart(w) > shareApart:
		return "is not what the new cluster got"
	}
	for _, a := range w.migration.Edge.Analysis {
		if a.Samples != nil && w.servedBy(w.migration.To.Cluster)-l.served < a.Samples.AtLeast {
			return "was tried with too few requests"
		}
	}
	return ""
}

// The share of the sessions has to be near the weight, in percentage points, once so many were counted. It is wider than
// the program's own margin, as that counts from some moments later.
const (
	shareApart    = 5
	shareSessions = 1000
)

// apart is how many percentage points the share of the sessions is off the weight since it was set. A proxy that was
// reloaded since has forgotten what was before.
func (l *ledger) apart(w *World) float64 {
	var from, to float64
	for name, x := range w.fleet {
		if !w.works(x) {
			continue
		}
		from, to = from+x.from.sessions, to+x.to.sessions
		if !x.started.After(l.from) {
			from, to = from-l.before[name][0], to-l.before[name][1]
		}
	}
	if from+to < shareSessions {
		return 0
	}
	return math.Abs(100*to/(from+to) - float64(l.weight))
}

// servedBy is how many requests a cluster has answered.
func (w *World) servedBy(c estate.ClusterName) float64 {
	w.flow(w.now)
	if n := len(w.traffic.samples); n > 0 {
		return w.traffic.samples[n-1].served[c.String()][0]
	}
	return 0
}

// stepBefore is the weight before another one; 0 if none is.
func stepBefore(m estate.Migration, weight int) int {
	before := 0
	for _, s := range m.Edge.Steps {
		if s.Weight < weight {
			before = max(before, s.Weight)
		}
	}
	return before
}
