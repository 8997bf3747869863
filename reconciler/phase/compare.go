package phase

import (
	"fmt"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// The proxies' own comparison of the new cluster with the old one, since the weight was set.
const (
	errorCheck   = "edge errors"
	latencyCheck = "edge latency"

	leastRequests  = 100 // of a server, before it is compared
	errorMargin    = 1.0 // percentage points by which the new cluster may fail more often
	latencyFactor  = 2   // how many times as long as the old one it may take
	latencyMargin  = 50  // and as many milliseconds more
	percentPerPart = 100.0
)

// checkNames are the checks that a weight has to pass.
func checkNames(m *estate.Migration) []string {
	names := []string{errorCheck, latencyCheck}
	for _, a := range m.Edge.Analysis {
		names = append(names, a.Name)
	}
	return names
}

// EdgeChecks compares what the proxies counted at the two clusters since the weight bakes: the share of failed requests,
// and how long an answer takes.
func EdgeChecks(_ *estate.Migration, e evidence.Edge) []evidence.Check {
	var from, to, before tally
	for _, p := range reachable(e) {
		f, t := e.Counted(p)
		from.add(f)
		to.add(t)
		before.add(p.From)
	}
	if from.requests < leastRequests {
		from = before // too little since: what the process counted in all tells better how the old cluster does
	}
	return []evidence.Check{compareErrors(from, to), compareLatency(from, to)}
}

func compareErrors(from, to tally) evidence.Check {
	c := evidence.Check{Name: errorCheck, Verdict: evidence.Pass}
	if to.requests < leastRequests {
		return enough(c, to)
	}
	c.Reason = fmt.Sprintf("%.2f%% of %d requests failed, %.2f%% at the old cluster", to.failed(), to.requests, from.failed())
	if to.failed() > from.failed()+errorMargin {
		c.Verdict = evidence.Fail
		c.Reason += fmt.Sprintf("; at most %g points more are allowed", errorMargin)
	}
	return c
}

func compareLatency(from, to tally) evidence.Check {
	c := evidence.Check{Name: latencyCheck, Verdict: evidence.Pass}
	if to.requests < leastRequests {
		return enough(c, to)
	}
	c.Reason = fmt.Sprintf("%d ms on average, %d ms at the old cluster", to.average(), from.average())
	if most := latencyFactor*from.average() + latencyMargin; to.average() > most {
		c.Verdict = evidence.Fail
		c.Reason += fmt.Sprintf("; at most %d ms are allowed", most)
	}
	return c
}

func enough(c evidence.Check, to tally) evidence.Check {
	c.Verdict = evidence.Inconclusive
	c.Reason = fmt.Sprintf("%d requests, and %d are needed", to.requests, leastRequests)
	return c
}

// tally sums a server over the proxies.
type tally struct {
	requests, errors int64
	weighted         int64 // milliseconds, times requests
}

func (t *tally) add(s evidence.Server) {
	t.requests += s.Requests
	t.errors += s.Errors
	t.weighted += s.Latency * s.Requests
}

func (t tally) failed() float64 {
	if t.requests == 0 {
		return 0
	}
	return percentPerPart * float64(t.errors) / float64(t.requests)
}

func (t tally) average() int64 {
	if t.requests == 0 {
		return 0
	}
	return t.weighted / t.requests
}
