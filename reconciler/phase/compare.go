package phase

import (
	"fmt"
	"math"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// The proxies' own comparison of the new cluster with the old one.
const (
	errorCheck   = "edge errors"
	latencyCheck = "edge latency"

	leastRequests = 100 // of a server, before it is compared
	errorMargin   = 1.0 // percentage points by which the new cluster may fail more often
	// errorDeviations is by how many standard deviations more failures there have to be than that allows: few requests
	// fail by chance, and a weight is judged anew every few seconds for days.
	errorDeviations = 3
	latencyFactor   = 2  // how many times as long as the old one it may take
	latencyMargin   = 50 // and as many milliseconds more
	percentPerPart  = 100.0
)

// checkNames are the checks that a weight has to pass.
func checkNames(m *estate.Migration) []string {
	names := []string{errorCheck, latencyCheck}
	for _, a := range m.Edge.Analysis {
		names = append(names, a.Name)
	}
	return names
}

// EdgeChecks compares what the proxies counted at the two clusters: the share of failed requests, and how long an answer
// takes. Of a weight that bakes, or has passed, all is compared since its bake began, and what was counted lately as well:
// after hours new failures would be lost among all that went well. It fails if either does. Of a weight that was gone
// back to, or that another one is going to follow, only what was counted lately is its own.
func EdgeChecks(e evidence.Edge) []evidence.Check {
	old := tallyOf(e.Bake.Old)
	lately, since := countedSince(e, e.Lately), countedSince(e, e.Bake.Baseline)
	recent := compare(lately.or(since.from).or(old))
	if e.Bake.Failed != "" || !e.Bake.Begun() {
		return recent
	}
	out := compare(since.or(old))
	for i, c := range recent {
		if c.Verdict == evidence.Fail && out[i].Verdict != evidence.Fail {
			out[i] = c
		}
	}
	return out
}

// counts are what was counted at both clusters.
type counts struct{ from, to tally }

// countedSince sums what the proxies counted since they were looked at.
func countedSince(e evidence.Edge, then []evidence.Proxy) counts {
	var c counts
	for _, p := range reachable(e) {
		f, t := p.CountedSince(then)
		c.from.add(f)
		c.to.add(t)
	}
	return c
}

// or compares with something else of the old cluster if it had too little traffic: at 100% it has none, and after a
// reload it has counted nothing.
func (c counts) or(from tally) counts {
	if c.from.requests < leastRequests {
		c.from = from
	}
	return c
}

// oldServer is what the old cluster's server has counted at all proxies, or had when it last had enough traffic.
func oldServer(e evidence.Edge) evidence.Server {
	var t tally
	for _, p := range reachable(e) {
		t.add(p.From)
	}
	if t.requests < leastRequests {
		return e.Bake.Old
	}
	return evidence.Server{Requests: t.requests, Answered: t.answered, Errors: t.errors, Latency: t.average()}
}

func compare(c counts) []evidence.Check {
	return []evidence.Check{compareErrors(c.from, c.to), compareLatency(c.from, c.to)}
}

func compareErrors(from, to tally) evidence.Check {
	c := evidence.Check{Name: errorCheck, Verdict: evidence.Pass}
	if to.requests < leastRequests {
		return inconclusive(c, "%d requests, and %d are needed", to.requests, leastRequests)
	}
	c.Reason = fmt.Sprintf("%.2f%% of %d requests failed, %.2f%% at the old cluster", to.failed(), to.requests, from.failed())
	if from.requests == 0 {
		c.Reason = fmt.Sprintf("%.2f%% of %d requests failed, and nothing is known of the old cluster", to.failed(), to.requests)
	}
	allowed := (from.failed() + errorMargin) / percentPerPart * float64(to.requests)
	if most := allowed + errorDeviations*math.Sqrt(allowed); float64(to.errors) > most {
		c.Verdict = evidence.Fail
		c.Reason += fmt.Sprintf("; at most %g points more are allowed, which by chance may be %d failures", errorMargin, int(most))
	}
	return c
}

func compareLatency(from, to tally) evidence.Check {
	c := evidence.Check{Name: latencyCheck, Verdict: evidence.Pass}
	switch {
	case to.answered < leastRequests:
		return inconclusive(c, "%d answers, and %d are needed", to.answered, leastRequests)
	case from.answered < leastRequests:
		return inconclusive(c, "%d answers of the old cluster, and %d are needed", from.answered, leastRequests)
	}
	c.Reason = fmt.Sprintf("%d ms on average, %d ms at the old cluster", to.average(), from.average())
	if most := latencyFactor*from.average() + latencyMargin; to.average() > most {
		c.Verdict = evidence.Fail
		c.Reason += fmt.Sprintf("; at most %d ms are allowed", most)
	}
	return c
}

func inconclusive(c evidence.Check, format string, args ...any) evidence.Check {
	c.Verdict, c.Reason = evidence.Inconclusive, fmt.Sprintf(format, args...)
	return c
}

// tally sums a server over the proxies.
type tally struct {
	sessions, requests, answered, errors int64
	weighted                             int64 // milliseconds, times answers
}

func tallyOf(s evidence.Server) tally {
	var t tally
	t.add(s)
	return t
}

func (t *tally) add(s evidence.Server) {
	t.sessions += s.Sessions
	t.requests += s.Requests
	t.answered += s.Answered
	t.errors += s.Errors
	t.weighted += s.Latency * s.Answered
}

func (t tally) failed() float64 {
	if t.requests == 0 {
		return 0
	}
	return percentPerPart * float64(t.errors) / float64(t.requests)
}

func (t tally) average() int64 {
	if t.answered == 0 {
		return 0
	}
	return t.weighted / t.answered
}
