package phase

import (
	"fmt"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// bakesLong is after how many times its bake time an inconclusive weight is called hopeless.
const bakesLong = 3

// canary is step 14: every weight below 100 up to the marker's has been set and has passed.
func canary(s situation) Progress {
	p := raise(s)
	p.Total = len(slices.DeleteFunc(s.passing(s.at.Weight), func(w int) bool { return w == 100 }))
	p.Done = min(p.Total, len(s.passing(s.passed())))
	if s.at.Weight == 100 && s.goal() == 100 {
		return Progress{Done: p.Done, Total: p.Total}
	}
	return p
}

// everything is step 15: all traffic goes to the new cluster, and has done so for its bake time.
func everything(s situation) Progress {
	if s.at.Weight < 100 {
		return Progress{Total: 1, Later: true}
	}
	p := raise(s)
	p.Total = 1
	if p.complete() {
		p.Done = 1
	}
	return p
}

// raise brings the marker's next weight to all proxies and lets it bake. Everything before has been done: the rows are
// looked at in their order, and a weight that was reached is kept up before any of them.
func raise(s situation) Progress {
	bake, goal := s.e.Edge.Bake, s.goal()
	mine := bake.Commit == s.e.Marker.Commit
	later := s.now.Add(blink)
	if s.failed() {
		return Progress{Waiting: because(WeightFailed, "weight %d%% failed: %s; the edge is back at %d%%; `cutover advance` proposes another attempt, or roll back",
			bake.Weight, bake.Failed, bake.Good)}
	}
	if down := s.unreachable(); len(down) > 0 {
		return Progress{Waiting: because(ProxyUnreachable, "the weight stays: no answer from %s", some(down)), Until: later}
	}
	if dead := withoutServer(s); len(dead) > 0 {
		return Progress{Waiting: because(EdgeServerDown, "the weight stays: server %s takes no traffic at %s", s.m.Edge.To, some(dead)), Until: later}
	}
	if !mine || bake.Weight != goal {
		return s.begin(goal, fmt.Sprintf("weight %d%% is due", goal))
	}
	if p := s.assert(goal); !p.complete() {
		return p
	}
	if !bake.Begun() {
		return s.begin(goal, fmt.Sprintf("every proxy has %d%%: it bakes for %s", goal, s.bakeTime(goal)))
	}
	if bake.Passed {
		return Progress{}
	}
	if doubt := s.e.Edge.ShareDisagrees(); doubt != "" {
		if s.restarted() {
			return s.begin(goal, "a proxy has restarted, so that the count begins anew: "+doubt)
		}
		return Progress{Waiting: because(ShareDisagrees, "%s", doubt), Until: later}
	}
	over := bake.Since.Add(s.bakeTime(goal))
	if s.now.Before(over) {
		return Progress{Until: Earlier(over, later), Waiting: because(Baking, "weight %d%% has baked for %s of %s",
			goal, s.now.Sub(bake.Since).Round(time.Second), s.bakeTime(goal))}
	}
	if open := s.inconclusive(); len(open) > 0 {
		why := because(BakeInconclusive, "weight %d%% has baked long enough, and is not judged yet: %s", goal, some(open))
		if s.now.Sub(bake.Since) >= bakesLong*s.bakeTime(goal) {
			why.Text += "; it will hardly be: send more traffic, change the analysis, or roll back"
		}
		return Progress{Waiting: why, Until: s.now.Add(glance)}
	}
	why := because(WeightPassed, "weight %d%% has passed: %s", goal, some(verdicts(s.e.Edge.Checks, evidence.Pass)))
	return Progress{Waiting: why, Actions: []Action{s.note(PassBake, goal, why.Text)}}
}

// failed says that what the marker asks for has failed, for it or for one before it that asked for the same. A pause and
// its end are no other attempt.
func (s situation) failed() bool {
	bake, before := s.e.Edge.Bake, s.e.Marker.Before
	same := isAgain(s.at, before) && attempt(s.at) == attempt(before) && bake.Weight <= s.at.Weight
	return bake.Failed != "" && (bake.Commit == s.e.Marker.Commit || same)
}

// bakeTime is how long a weight bakes. One that git no longer lists bakes as long as the longest.
func (s situation) bakeTime(weight int) time.Duration {
	var longest time.Duration
	for _, step := range s.m.Edge.Steps {
		if step.Weight == weight {
			return step.Bake
		}
		longest = max(longest, step.Bake)
	}
	return longest
}

// passed is the last weight that has passed, at most the marker's.
func (s situation) passed() int {
	if s.e.Edge.Bake.Commit == "" {
		return 0
	}
	return min(s.e.Edge.Bake.Good, s.at.Weight)
}

// passing are the steps up to a weight.
func (s situation) passing(weight int) []int {
	var out []int
	for _, step := range s.m.Edge.Steps {
		if step.Weight <= weight {
			out = append(out, step.Weight)
		}
	}
	return out
}

// restarted says that a proxy began anew since the weight bakes.
func (s situation) restarted() bool {
	return slices.ContainsFunc(s.e.Edge.Proxies, func(p evidence.Proxy) bool { return p.Started.After(s.e.Edge.Bake.Since) })
}

// inconclusive are the checks that say neither pass nor fail. One that is not there has not been made.
func (s situation) inconclusive() []string {
	out := verdicts(s.e.Edge.Checks, evidence.Inconclusive)
	for _, name := range checkNames(s.m) {
		if !slices.ContainsFunc(s.e.Edge.Checks, func(c evidence.Check) bool { return c.Name == name }) {
			out = append(out, name+": not checked yet")
		}
	}
	return out
}

// withoutServer are the proxies at which the new cluster's server takes no traffic.
func withoutServer(s situation) []string {
	var out []string
	for _, p := range reachable(s.e.Edge) {
		if !p.To.Up {
			out = append(out, fmt.Sprintf("%s (%s)", p.Name, p.To.State))
		}
	}
	return out
}

// judged says that a weight is judged by its checks: as long as it has traffic, although it may have passed long ago.
func judged(b evidence.Bake) bool {
	return b.Begun() && b.Weight > 0 && b.Failed == ""
}

// verdicts are the checks that say v, in words.
func verdicts(checks []evidence.Check, v evidence.Verdict) []string {
	var out []string
	for _, c := range checks {
		if c.Verdict == v {
			out = append(out, c.Name+": "+c.Reason)
		}
	}
	return out
}

// stepBefore is the step of the edge before a weight; 0 if there is none.
func stepBefore(m *estate.Migration, weight int) int {
	before := 0
	for _, step := range m.Edge.Steps {
		if step.Weight < weight {
			before = max(before, step.Weight)
		}
	}
	return before
}

// Noted is what is remembered of the weight that bakes after one of the verbs BeginBake, PassBake and FailBake. Whoever
// performs them stores it.
func Noted(m *estate.Migration, e *evidence.Evidence, a Action, now time.Time) evidence.Bake {
	b := e.Edge.Bake
	switch a.Verb {
	case BeginBake:
		good := b.Good
		if good >= a.Weight { // it is judged anew: good is the step before it, which had to pass once
			good = stepBefore(m, a.Weight)
		}
		return evidence.Bake{Commit: e.Marker.Commit, Weight: a.Weight, Since: now, Baseline: slices.Clone(e.Edge.Proxies), Good: good}
	case PassBake:
		b.Passed, b.Good = true, a.Weight
	case FailBake:
		if b.Good >= a.Weight { // it had passed
			b.Good = stepBefore(m, a.Weight)
		}
		b.Failed, b.Passed = a.Reason, false
		// It failed for the marker that counts now, although an earlier one may have begun it: only a later one tries again.
		if e.Marker.Commit != "" {
			b.Commit = e.Marker.Commit
		}
	default: // no other verb changes it
	}
	return b
}
