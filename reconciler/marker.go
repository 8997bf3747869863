package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

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
	reached estate.Phase    // the furthest phase that was ever reached
	// counted are the markers that counted, oldest first.
	counted []countedMarker
}

type countedMarker struct {
	marker   estate.Marker
	evidence evidence.Marker
}

// began is the pull request that began a phase the last time; 0 if none did.
func (c *course) began(p estate.Phase) int {
	for _, m := range slices.Backward(c.counted) {
		if m.marker.Phase == p && m.evidence.PullRequest != 0 {
			return m.evidence.PullRequest
		}
	}
	return 0
}

// courseOf walks the changes of the marker, oldest first: each counts or not by what had counted before it.
func (r *Reconciler) courseOf(ctx context.Context, d *desired, k *knowledge) (*course, error) {
	m := &d.migration
	changes, err := r.History.Changes(d.head, m.MarkerPath(), markers)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", m.MarkerPath(), err)
	}
	c := &course{}
	for i, commit := range slices.Backward(changes) {
		at, known := k.markers[commit.Hash]
		if !known {
			if at, err = r.markerAt(m, commit.Hash); err != nil {
				return nil, err
			}
			k.markers[commit.Hash] = at
		}
		e, err := r.arrivalOf(ctx, m, commit, k)
		if err != nil {
			return nil, err
		}
		e.Before = c.at
		reason := phase.Refusal(m, at, &e)
		if i == 0 {
			c.newest, c.refused = e, reason
		}
		if reason.Code == "" {
			c.at, c.reached = at, max(c.reached, at.Phase)
			c.counted = append(c.counted, countedMarker{at, e})
		}
	}
	return c, nil
}

// markerAt is the marker as a commit has it; zero if it has none that can be read.
func (r *Reconciler) markerAt(m *estate.Migration, commit string) (estate.Marker, error) {
	tree, err := r.Source.Tree(commit)
	if err != nil {
		return estate.Marker{}, fmt.Errorf("read the marker at %.10s: %w", commit, err)
	}
	data, err := fs.ReadFile(tree, m.MarkerPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return estate.Marker{}, nil
	case err != nil:
		return estate.Marker{}, fmt.Errorf("read the marker at %.10s: %w", commit, err)
	}
	// What is wrong with a marker of the past is no matter: it did not count.
	at, _ := values.ParseMarker(m.MarkerPath(), data)
	return at, nil
}

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
			e.Trailer = r.mergedTrailer(commit, arrival)
		}
	}
	if e.Reviewed {
		k.arrivals[commit.Hash] = e // the host may take a while to tell of a merge, but never takes it back
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
func (r *Reconciler) mergedTrailer(commit estate.Commit, arrival review.Arrival) string {
	for _, theirs := range append(slices.Clone(commit.Parents[1:]), arrival.Commit) {
		if theirs == "" {
			continue
		}
		// The commits of a squashed pull request may be gone with its branch: then nothing is found.
		merged, _ := r.History.Between(commit.Parents[0], theirs)
		for _, c := range merged {
			if t := trailerOf(c.Message); t != "" {
				return t
			}
		}
	}
	return ""
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
