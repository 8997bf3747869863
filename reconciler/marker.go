package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// markers is how many changes of the marker are looked back to: there are a dozen checkpoints.
const markers = 200

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
	var last noted
	if _, err := r.note(ctx, d, courseKey, &last); err != nil {
		return nil, err
	}
	if k.course != nil && len(k.course.counted) > len(last.Counted) { // what counted could not be noted
		last = k.course.noted()
	}
	var steps []arrivedMarker
	known := true
	for _, commit := range slices.Backward(changes) {
		at, err := r.markerAtOnce(m, commit.Hash, k)
		if err != nil {
			return nil, err
		}
		e, final, err := r.arrivalOf(ctx, m, commit, k)
		if err != nil {
			if c := last.alone(err); c != nil && ctx.Err() == nil {
				return c, nil
			}
			return nil, err
		}
		known = known && final
		steps = append(steps, arrivedMarker{at, e})
	}
	c := last.recall(m, new(course).follow(m, steps), steps)
	if known { // otherwise the host may still tell of a merge
		k.courseFor = origin
	}
	k.keepArrivals(changes)
	return c, nil
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
