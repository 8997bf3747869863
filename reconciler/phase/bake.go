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
		return Progress{Waiting: because(WeightFailed, "%s; `cutover advance` proposes another attempt, or roll back", s.fallback())}
	}
	if down := s.unreachable(); len(down) > 0 {
		return Progress{Waiting: because(ProxyUnreachable, "the weight stays: no answer from %s", some(down)), Until: later}
	}
	if dead := withoutServer(s); len(dead) > 0 {
		return Progress{Waiting: because(EdgeServerDown, "the weight stays: server %s takes no traffic at %s", s.m.Edge.To, some(dead)), Until: later}
	}
	if third := withThird(s); len(third) > 0 {
		return Progress{Waiting: because(EdgeThirdServer, "the weight stays, as backend %s has a server that no weight counts: %s; remove it, make it a backup, or set it to maint",
			s.m.Edge.Backend, some(third)), Until: later}
	}
	if goal > bake.Stands() { // also if what stands has passed long ago
		if doubt := s.e.Edge.ShareDisagrees(); doubt != "" {
			return Progress{Waiting: because(ShareDisagrees, "%s", doubt), Until: later}
		}
		if p := s.countShare(); !p.complete() {
			return p
		}
	}
	if !mine || bake.Weight != goal {
		return s.begin(goal, fmt.Sprintf("weight %d%% is due", goal))
	}
	if p := s.assert(goal); !p.complete() {
		return p
	}
	if bake.Passed {
		return Progress{}
	}
	if doubt := s.e.Edge.ShareDisagrees(); doubt != "" {
		return Progress{Waiting: because(ShareDisagrees, "%s", doubt), Until: later}
	}
	over := bake.Since.Add(s.bakeTime(goal))
	if s.now.Before(over) {
		return Progress{Until: Earlier(over, later), Waiting: because(Baking, "weight %d%% has baked for %s of %s",
			goal, s.now.Sub(bake.Since).Round(time.Second), s.bakeTime(goal))}
	}
	if open := s.inconclusive(); len(open) > 0 {
		why := because(BakeInconclusive, "weight %d%% has baked long enough, and is not judged yet: %s", goal, phrases(open))
		if s.now.Sub(bake.Since) >= bakesLong*s.bakeTime(goal) {
			why.Text += "; it will hardly be: send more traffic, change the analysis, or roll back"
		}
		return Progress{Waiting: why, Until: s.now.Add(glance)}
	}
	if p := s.countShare(); !p.complete() {
		return p
	}
	why := because(WeightPassed, "weight %d%% has passed: %s", goal, phrases(verdicts(s.e.Edge.Checks, evidence.Pass)))
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
func (s situation) bakeTime(weight int) time.Duration { return bakeTime(s.m, weight) }

func bakeTime(m *estate.Migration, weight int) time.Duration {
	var longest time.Duration
	for _, step := range m.Edge.Steps {
		if step.Weight == weight {
			return step.Bake
		}
		longest = max(longest, step.Bake)
	}
	return longest
}

// countShare waits until the weight that stands has been counted enough for its share to have disagreed: until there were
// enough sessions, or for a minute. What was counted before a restart, or a lost weight, is forgotten.
func (s situation) countShare() Progress {
	edge := s.e.Edge
	stands := edge.Bake.Stands()
	if stands == 0 {
		return Progress{}
	}
	if _, sessions := edge.Share(); sessions >= evidence.ShareSessions {
		return Progress{}
	}
	since := edge.SteadySince
	if since.IsZero() {
		since = s.now
	}
	known := since.Add(min(windowFor, s.bakeTime(stands)))
	if !s.now.Before(known) {
		return Progress{}
	}
	return Progress{Until: Earlier(known, s.now.Add(blink)), Waiting: because(ShareUnknown,
		"the weight stays at %d%% until %s: whether that share of the sessions goes to the new cluster is counted anew, as the daemon began, or the weight was not everywhere, a moment ago",
		stands, known.UTC().Format(time.TimeOnly))}
}

// fallback tells that a weight failed, and where the edge is now.
func (s situation) fallback() string {
	bake := s.e.Edge.Bake
	text := fmt.Sprintf("weight %d%% failed: %s; the edge is back at %d%%", bake.Weight, bake.Failed, bake.Good)
	if down := s.unreachable(); len(down) > 0 {
		text += fmt.Sprintf(", but for what does not answer and may still have %d%%: %s: take it out of the traffic", bake.Weight, some(down))
	}
	return text
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

// withThird are the proxies that may give traffic to neither cluster's server.
func withThird(s situation) []string {
	var out []string
	for _, p := range reachable(s.e.Edge) {
		if p.Third != "" {
			out = append(out, p.Third+" at "+p.Name)
		}
	}
	return out
}

// Judged says that a weight is judged by its checks: as long as it has traffic, although it may have passed long ago, or
// be the one that was gone back to, or the one before the one that is going to be set: that may take long.
func Judged(b evidence.Bake) bool { return b.Commit != "" && b.Stands() > 0 }

// Measured says whether the migration's queries are about the weight that stands. They look back, nobody knows how far:
// after a failure they still tell of the weight that failed, until the one that was gone back to has stood for its bake
// time.
func Measured(m *estate.Migration, b evidence.Bake, now time.Time) bool {
	return Judged(b) && (b.Failed == "" || !now.Before(b.FailedAt.Add(bakeTime(m, b.Good))))
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

// begun is a note whose weight is counted from now on.
func begun(b evidence.Bake, e evidence.Edge, now time.Time) evidence.Bake {
	b.Since, b.Baseline, b.Old = now, slices.Clone(e.Proxies), oldServer(e)
	b.Seen, b.Lost = nil, false
	return b
}

// Noted is what is remembered of the weight that bakes after one of the verbs BeginBake, PassBake and FailBake. Whoever
// performs them stores it.
func Noted(m *estate.Migration, e *evidence.Evidence, a Action, now time.Time) evidence.Bake {
	b := e.Edge.Bake
	switch a.Verb {
	case BeginBake:
		if b.Weight == a.Weight && b.Commit != "" && !b.Begun() && everywhere(e.Edge, a.Weight) { // what was going to be set is
			return begun(b, e.Edge, now)
		}
		good := b.Good
		if good >= a.Weight { // it is judged anew: good is the step before it, which had to pass once
			good = stepBefore(m, a.Weight)
		}
		return begun(evidence.Bake{Commit: e.Marker.Commit, Weight: a.Weight, Good: good}, e.Edge, now)
	case PassBake:
		b.Passed, b.Good = true, a.Weight
	case FailBake:
		switch {
		case b.Failed == "" && !b.Begun(): // the one before it fails, so that it is not set
			b.Weight, b.Good, b.Failed = a.Weight, stepBefore(m, a.Weight), a.Reason
		case b.Failed != "": // the one that was gone back to fails as well
			b.Good, b.Failed = stepBefore(m, b.Good), fmt.Sprintf("%s; then %d%%: %s", b.Failed, b.Good, a.Reason)
		case b.Good >= a.Weight: // it had passed
			b.Good, b.Failed = stepBefore(m, a.Weight), a.Reason
		default:
			b.Failed = a.Reason
		}
		if takenBack(e.Edge) { // whoever did that is not contradicted
			b.Good = min(b.Good, lowest(e.Edge))
		}
		b.Passed, b.FailedAt = false, now
		// It failed for the marker that counts now, although an earlier one may have begun it: only a later one tries again.
		if e.Marker.Commit != "" {
			b.Commit = e.Marker.Commit
		}
	default: // no other verb changes it
	}
	return b
}
