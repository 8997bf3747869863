package reconciler

import (
	"fmt"
	"slices"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// course is where the markers of a branch's history have brought the migration.
type course struct {
	// at is the newest marker that counts, and refused why a newer one does not.
	at      estate.Marker
	refused phase.Reason
	newest  evidence.Marker // how the newest marker came to be
	says    estate.Marker   // what the newest marker says
	reached estate.Phase    // the furthest phase that was ever reached
	// counted are the markers that counted, oldest first.
	counted []countedMarker
	// passedOver are the commits of the markers that were refused, oldest first.
	passedOver []string
	// unasked says why the git host could not tell how a newer marker came: what counted last stands meanwhile.
	unasked error
}

type countedMarker struct {
	Marker      estate.Marker `json:"marker"`
	Commit      string        `json:"commit"`
	PullRequest int           `json:"pullRequest,omitempty"` // 0 if it was pushed
}

// arrivedMarker is a change of the marker: what a commit says, and how it came to the branch.
type arrivedMarker struct {
	says writtenMarker
	came evidence.Marker
}

// writtenMarker is a marker as a commit has it: zero if it has none.
type writtenMarker struct {
	estate.Marker
	mistakes string // with file and line, if it cannot be read
}

// began is the marker that began a phase the last time; zero if none did. One that only paused or resumed it, or that
// changed the weight, began nothing.
func (c *course) began(p estate.Phase) countedMarker {
	var out countedMarker
	for i, m := range c.counted {
		if m.Marker.Phase == p && (i == 0 || c.counted[i-1].Marker.Phase != p) {
			out = m
		}
	}
	return out
}

// linked is the commit of the marker that last began the freeze, or took it back; "" before the first.
func (c *course) linked() string {
	commit, frozen := "", false
	for _, m := range c.counted {
		if is := m.Marker.Phase >= estate.Freeze; is != frozen {
			commit, frozen = m.Commit, is
		}
	}
	return commit
}

// follow is the course after more changes of the marker, oldest first: each counts or not by what had counted before it.
// What several commits of one pull request make of the marker is one change: nobody decided between them.
func (c *course) follow(m *estate.Migration, changes []arrivedMarker) *course {
	before := c // before the pull request of the change that is looked at
	for _, change := range changes {
		if change.came.PullRequest != 0 && change.came.PullRequest == c.newest.PullRequest {
			c = before
		}
		before = c
		c = c.then(m, change)
	}
	return c
}

// then is the course after one more change of the marker.
func (c *course) then(m *estate.Migration, change arrivedMarker) *course {
	next, at, e := *c, change.says.Marker, change.came
	e.Before = c.at
	next.newest, next.says, next.refused = e, at, phase.Refusal(m, at, &e)
	if change.says.mistakes != "" {
		next.refused = phase.Reason{Code: phase.PhaseUnknown, Text: change.says.mistakes}
	}
	if next.refused.Code != "" {
		next.passedOver = added(c.passedOver, e.Commit)
	} else {
		next.at, next.reached = at, max(c.reached, at.Phase)
		next.counted = append(slices.Clone(c.counted), countedMarker{at, e.Commit, e.PullRequest})
	}
	return &next
}

// noted is what the journal remembers of a course, because the branch's history can be rewritten, and what git says of the
// edge's steps can change: what has counted, counts.
type noted struct {
	Counted []countedMarker `json:"counted"` // oldest first
	Reached estate.Phase    `json:"reached"`
	// PassedOver are the commits of markers that were refused: one that is the newest again, because what followed it was
	// taken off the branch, is no new decision.
	PassedOver []string `json:"passedOver,omitempty"`
}

// courseKey is the note of how far the migration has come.
const courseKey = "course"

// noted is what the journal is to remember of the course.
func (c *course) noted() noted {
	refused := c.passedOver
	return noted{c.counted, c.reached, refused[max(0, len(refused)-markers):]}
}

// recall is the course by the branch's history, of which walked was found, and by what is remembered. If the history has
// lost the marker that counted last, what it had reached is kept up, and nothing goes on before a new one is merged, which
// then follows it.
func (n noted) recall(m *estate.Migration, walked *course, changes []arrivedMarker) *course {
	if len(n.Counted) == 0 {
		return walked
	}
	last := n.Counted[len(n.Counted)-1]
	if i := slices.IndexFunc(walked.counted, func(c countedMarker) bool { return c.Commit == last.Commit }); i >= 0 {
		whole := *walked // with the markers that the history has lost since
		whole.counted = slices.Concat(n.Counted, walked.counted[i+1:])
		whole.reached = max(walked.reached, n.Reached)
		whole.passedOver = added(n.PassedOver, walked.passedOver...)
		return &whole
	}
	kept := course{at: last.Marker, reached: n.Reached, counted: n.Counted, passedOver: n.PassedOver, newest: walked.newest, says: walked.says}
	if i := slices.IndexFunc(changes, func(c arrivedMarker) bool { return c.came.Commit == last.Commit }); i >= 0 {
		kept.newest, kept.says = changes[i].came, last.Marker
		if before := len(n.Counted) - 2; before >= 0 {
			kept.newest.Before = n.Counted[before].Marker
		}
		return kept.follow(m, changes[i+1:])
	}
	since := len(changes)
	for since > 0 && !n.has(changes[since-1].came.Commit) {
		since--
	}
	if since == 0 && len(changes) > 0 {
		since = len(changes) - 1 // a history of which nothing is known: only its newest marker is anybody's decision
	}
	kept.newest.Before = last.Marker
	if since < len(changes) && walked.newest.Reviewed {
		return kept.follow(m, changes[since:])
	}
	kept.refused = phase.Reason{Code: phase.MarkerLost, Text: fmt.Sprintf(
		"%s had marker %s of commit %.10s, and its history has it no more: somebody has rewritten the branch; bring that commit back, or merge a new pull request with a marker",
		m.Branch, last.Marker, last.Commit)}
	return &kept
}

// alone is the course as far as it is remembered, while nobody can tell how the markers of the history came. No part of a
// walk stands in for it: a marker in the middle, or the first of a pull request's, asks for less than what was reached.
// Where nothing has counted yet there is none.
func (n noted) alone(why error) *course {
	if len(n.Counted) == 0 {
		return nil
	}
	last := n.Counted[len(n.Counted)-1].Marker
	c := &course{at: last, reached: n.Reached, says: last, counted: n.Counted, passedOver: n.PassedOver, unasked: why}
	c.newest = c.stands()
	return c
}

// stands is the evidence of the marker that counted last, whether it is the newest or not; that of the newest if none has.
func (c *course) stands() evidence.Marker {
	n := len(c.counted)
	if n == 0 || c.newest.Commit == c.counted[n-1].Commit {
		return c.newest
	}
	last := c.counted[n-1]
	out := evidence.Marker{Commit: last.Commit, PullRequest: last.PullRequest, Trailer: last.Marker.Phase.String(), Reviewed: true}
	if n > 1 {
		out.Before = c.counted[n-2].Marker
	}
	return out
}

// has tells whether a marker was judged before, whether it counted or not.
func (n noted) has(commit string) bool {
	return slices.Contains(n.PassedOver, commit) || slices.ContainsFunc(n.Counted, func(c countedMarker) bool { return c.Commit == commit })
}

// added is a list with more commits, each once.
func added(known []string, more ...string) []string {
	out := slices.Clone(known)
	for _, commit := range more {
		if !slices.Contains(out, commit) {
			out = append(out, commit)
		}
	}
	return out
}
