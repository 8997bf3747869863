package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/gitops/values"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// trailer ends the message of a commit that changes the marker.
const trailer = "Cutover-Phase: "

// markers is how many changes of the marker are looked back to: there are a dozen checkpoints.
const markers = 200

// course is where the markers of a branch's history have brought the migration.
type course struct {
	// at is the newest marker that counts, and refused why a newer one does not.
	at      estate.Marker
	refused phase.Reason
	newest  evidence.Marker // how the newest marker came to be
	says    estate.Marker   // what the newest marker says
	reached estate.Phase    // the furthest phase that was ever reached
	linked  string          // commit of the marker that last began the freeze, or took it back; "" before the first
	// counted are the markers that counted, oldest first.
	counted []countedMarker
}

type countedMarker struct {
	marker   estate.Marker
	evidence evidence.Marker
}

// began is the pull request that began a phase the last time; 0 if none did. One that only paused or resumed it, or that
// changed the weight, began nothing.
func (c *course) began(p estate.Phase) int {
	number := 0
	for i, m := range c.counted {
		if m.marker.Phase == p && (i == 0 || c.counted[i-1].marker.Phase != p) {
			number = m.evidence.PullRequest
		}
	}
	return number
}

// noted is what the journal remembers of a course, because the branch's history can be rewritten.
type noted struct {
	At      estate.Marker `json:"at"`
	Reached estate.Phase  `json:"reached"`
	Linked  string        `json:"linked,omitempty"`
	Commits []string      `json:"commits"` // of the markers that counted, oldest first
}

// courseKey is the note of how far the migration has come.
const courseKey = "course"

// courseOrigin is what a course follows from: the branch's newest commit, and the one that the migration is read from.
type courseOrigin struct {
	head    string
	desired *desired
}

// courseOf walks the changes of the marker up to the branch's head, oldest first: each counts or not by what had counted
// before it. What several commits of one pull request make of the marker is one change: nobody decided between them.
func (r *Reconciler) courseOf(ctx context.Context, d *desired, head string, k *knowledge) (*course, error) {
	origin := courseOrigin{head, d}
	if k.course != nil && k.courseFor == origin {
		return k.course, nil
	}
	m := &d.migration
	changes, err := r.History.Changes(head, m.MarkerPath(), markers)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", m.MarkerPath(), err)
	}
	c, known := &course{}, true
	var (
		before *course // before the pull request of the change that is looked at
		newest writtenMarker
	)
	for _, commit := range slices.Backward(changes) {
		at, err := r.markerAtOnce(m, commit.Hash, k)
		if err != nil {
			return nil, err
		}
		e, err := r.arrivalOf(ctx, m, commit, k)
		if err != nil {
			return nil, err
		}
		_, final := k.arrivals[commit.Hash]
		known = known && final
		if e.PullRequest != 0 && e.PullRequest == c.newest.PullRequest {
			c = before
		}
		before = c
		c, newest = c.then(m, at, e), at
	}
	if c, err = r.unlessLost(ctx, d, c, newest); err != nil {
		return nil, err
	}
	if known { // otherwise the host may still tell of a merge
		k.courseFor = origin
	}
	return c, nil
}

// then is the course after one more change of the marker.
func (c *course) then(m *estate.Migration, at writtenMarker, e evidence.Marker) *course {
	next := *c
	e.Before = c.at
	next.newest, next.says, next.refused = e, at.Marker, phase.Refusal(m, at.Marker, &e)
	if at.mistakes != "" {
		next.refused = phase.Reason{Code: phase.PhaseUnknown, Text: at.mistakes}
	}
	if next.refused.Code == "" {
		next.at, next.reached = at.Marker, max(c.reached, at.Phase)
		if (at.Phase >= estate.Freeze) != (c.at.Phase >= estate.Freeze) {
			next.linked = e.Commit
		}
		next.counted = append(slices.Clone(c.counted), countedMarker{at.Marker, e})
	}
	return &next
}

// unlessLost compares a course with what the journal remembers. A branch that was rewritten may have lost the marker that
// counted: then what was reached is kept up, and nothing goes on before a new marker is merged.
func (r *Reconciler) unlessLost(ctx context.Context, d *desired, c *course, newest writtenMarker) (*course, error) {
	var last noted
	if _, err := r.note(ctx, d, courseKey, &last); err != nil || len(last.Commits) == 0 {
		return c, err
	}
	counted := last.Commits[len(last.Commits)-1]
	if slices.ContainsFunc(c.counted, func(m countedMarker) bool { return m.evidence.Commit == counted }) {
		return c, nil
	}
	kept := course{at: last.At, reached: last.Reached, linked: last.Linked, newest: c.newest, says: c.says}
	if !slices.Contains(last.Commits, c.newest.Commit) && c.newest.PullRequest != 0 {
		return kept.then(&d.migration, newest, c.newest), nil
	}
	kept.newest.Before = last.At
	kept.refused = phase.Reason{Code: phase.MarkerLost, Text: fmt.Sprintf(
		"%s had marker %s of commit %.10s, and its history has it no more: somebody has rewritten the branch; bring that commit back, or merge a new pull request with a marker",
		d.migration.Branch, last.At, counted)}
	return &kept, nil
}

// noted is what the journal is to remember of the course.
func (c *course) noted() noted {
	n := noted{At: c.at, Reached: c.reached, Linked: c.linked}
	for _, m := range c.counted {
		n.Commits = append(n.Commits, m.evidence.Commit)
	}
	return n
}

// writtenMarker is a marker as a commit has it: zero if it has none.
type writtenMarker struct {
	estate.Marker
	mistakes string // with file and line, if it cannot be read
}

func (r *Reconciler) markerAtOnce(m *estate.Migration, commit string, k *knowledge) (writtenMarker, error) {
	if at, ok := k.markers[commit]; ok {
		return at, nil
	}
	at, err := r.markerAt(m, commit)
	if err == nil {
		k.markers[commit] = at
	}
	return at, err
}

func (r *Reconciler) markerAt(m *estate.Migration, commit string) (writtenMarker, error) {
	tree, err := r.Source.Tree(commit)
	if err != nil {
		return writtenMarker{}, fmt.Errorf("read the marker at %.10s: %w", commit, err)
	}
	data, err := fs.ReadFile(tree, m.MarkerPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writtenMarker{}, nil
	case err != nil:
		return writtenMarker{}, fmt.Errorf("read the marker at %.10s: %w", commit, err)
	}
	at, problems := values.ParseMarker(m.MarkerPath(), data)
	if err := problems.Err(); err != nil {
		return writtenMarker{mistakes: err.Error()}, nil
	}
	return writtenMarker{Marker: at}, nil
}

// slowHost is how long a git host may take to tell by which pull request a commit came.
const slowHost = 10 * time.Minute

// arrivalOf tells how a commit that changes the marker came to the branch. What is known of a commit never changes.
func (r *Reconciler) arrivalOf(ctx context.Context, m *estate.Migration, commit estate.Commit, k *knowledge) (evidence.Marker, error) {
	if e, ok := k.arrivals[commit.Hash]; ok {
		return e, nil
	}
	e := evidence.Marker{Commit: commit.Hash, Trailer: trailerOf(commit.Message), Reviewed: r.Pushed}
	arrival, err := r.arrival(ctx, m.Branch, commit.Hash)
	if err != nil {
		return e, fmt.Errorf("how %.10s came to %s: %w", commit.Hash, m.Branch, err)
	}
	if arrival.Number != 0 {
		e.Reviewed, e.PullRequest, e.MergedBy, e.Approvers = true, arrival.Number, arrival.MergedBy, arrival.Approvers
	}
	if len(commit.Parents) > 0 {
		if e.Others, err = r.others(m, commit); err != nil {
			return e, err
		}
		if e.Trailer == "" {
			if e.Trailer, err = r.mergedTrailer(commit, arrival); err != nil {
				return e, fmt.Errorf("what %.10s merged: %w", commit.Hash, err)
			}
		}
	}
	// The host may take a while to tell of a merge, but never takes it back.
	if e.PullRequest != 0 || r.Reviews == nil || r.Now().Sub(commit.When) > slowHost {
		k.arrivals[commit.Hash] = e
	}
	return e, nil
}

func (r *Reconciler) arrival(ctx context.Context, branch, commit string) (review.Arrival, error) {
	if r.Reviews == nil {
		return review.Arrival{}, nil
	}
	a, err := r.Reviews.Arrival(ctx, branch, commit)
	if errors.Is(err, failure.ErrNotFound) {
		return review.Arrival{}, nil
	}
	return a, err
}

// others are the paths that a commit changes besides the marker.
func (r *Reconciler) others(m *estate.Migration, commit estate.Commit) ([]string, error) {
	paths, err := r.History.Changed(commit.Parents[0], commit.Hash)
	if err != nil {
		return nil, fmt.Errorf("what %.10s changes: %w", commit.Hash, err)
	}
	return slices.DeleteFunc(paths, func(path string) bool { return path == m.MarkerPath() }), nil
}

// mergedTrailer looks for the trailer in the commits that a commit merged, or, if it squashed them, in those of the pull
// request: the host writes the message of a merge.
func (r *Reconciler) mergedTrailer(commit estate.Commit, arrival review.Arrival) (string, error) {
	for _, message := range slices.Backward(arrival.Messages) {
		if t := trailerOf(message); t != "" {
			return t, nil
		}
	}
	for _, theirs := range commit.Parents[1:] {
		merged, err := r.History.Between(commit.Parents[0], theirs)
		if err != nil {
			return "", err
		}
		for _, c := range merged {
			if t := trailerOf(c.Message); t != "" {
				return t, nil
			}
		}
	}
	return "", nil
}

// trailerOf is the phase that the trailers of a commit's message name: those of its last paragraph, as git has it.
func trailerOf(message string) string {
	message = strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
	last := message[strings.LastIndex(message, "\n\n")+1:]
	value := ""
	for line := range strings.Lines(last) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), trailer); ok {
			value = strings.TrimSpace(v)
		}
	}
	return value
}
