package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// arrival is what is known of how a commit came to the migration's branch.
type arrival struct {
	marker evidence.Marker
	head   string // of the pull request that brought it, when it was merged
	// final says that it cannot become another one: a merged pull request brought it. That none did may change, as a host
	// can take a while to tell of a merge.
	final bool
	asked int       // how often none was found
	again time.Time // when to ask again, unless it is final
	err   error     // why nothing is known yet
}

// pauses are how long a git host is left alone after it knew of no pull request, the last one again and again: to look
// through those that were merged takes many calls, and hosts limit how many one may make. They count from the answer, as
// the commit's date is another machine's, and of a fast-forward hours old.
var pauses = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}

// arrivalOf tells how a commit that changes the marker came to the branch, and whether that is final. While the host fails,
// what it said before stands.
func (r *Reconciler) arrivalOf(ctx context.Context, m *estate.Migration, commit estate.Commit, k *knowledge) (evidence.Marker, bool, error) {
	known := k.arrivals[commit.Hash]
	if known.final || r.Now().Before(known.again) {
		return known.marker, known.final, known.err
	}
	next := arrival{asked: known.asked}
	err := r.lookAt(ctx, lookFor, func(ctx context.Context) (err error) {
		next.marker, next.head, err = r.askArrival(ctx, m, commit)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return known.marker, false, ctx.Err()
	case err != nil && known.asked > 0:
		next, next.again = known, r.Now().Add(pauses[0])
	case err != nil:
		next.err, next.again = fmt.Errorf("how %.10s came to %s: %w", commit.Hash, m.Branch, err), r.Now().Add(pauses[0])
	case next.marker.PullRequest != 0 || r.Reviews == nil:
		next.final = true
	default:
		next.again = r.Now().Add(pauses[min(next.asked, len(pauses)-1)])
		next.asked++
	}
	k.arrivals[commit.Hash] = next
	return next.marker, next.final, next.err
}

// askArrivals lets the git host be asked again for what it did not know: something has happened to a pull request, or
// everything is looked at anew.
func (k *knowledge) askArrivals() {
	for commit, a := range k.arrivals {
		a.again = time.Time{}
		k.arrivals[commit] = a
	}
}

// keepArrivals drops what is known of commits that are no change of the marker, once that is much.
func (k *knowledge) keepArrivals(changes []estate.Commit) {
	if len(k.arrivals) <= 2*markers && len(k.markers) <= 2*markers {
		return
	}
	gone := func(hash string) bool {
		return !slices.ContainsFunc(changes, func(c estate.Commit) bool { return c.Hash == hash })
	}
	maps.DeleteFunc(k.arrivals, func(hash string, _ arrival) bool { return gone(hash) })
	maps.DeleteFunc(k.markers, func(hash string, _ writtenMarker) bool { return gone(hash) })
}

// askArrival asks how a commit came, and gives the head of the pull request that brought it.
func (r *Reconciler) askArrival(ctx context.Context, m *estate.Migration, commit estate.Commit) (evidence.Marker, string, error) {
	e := evidence.Marker{Commit: commit.Hash, Trailer: trailerOf(commit.Message), Reviewed: r.Pushed}
	var brought review.Arrival
	if r.Reviews != nil {
		var err error
		if brought, err = r.Reviews.Arrival(ctx, m.Branch, commit.Hash); err != nil && !errors.Is(err, failure.ErrNotFound) {
			return e, "", err
		}
	}
	if brought.Number != 0 {
		e.Reviewed, e.PullRequest, e.MergedBy, e.Approvers = true, brought.Number, brought.MergedBy, brought.Approvers
	}
	var err error
	if e.Others, err = r.others(ctx, m, commit, brought.Number); err != nil {
		return e, "", err
	}
	if e.Trailer == "" && len(commit.Parents) > 0 {
		if e.Trailer, err = r.mergedTrailer(commit, brought); err != nil {
			return e, "", fmt.Errorf("what %.10s merged: %w", commit.Hash, err)
		}
	}
	return e, brought.Commit, nil
}

// tooMany stands for the paths of a pull request that are more than its host lists.
const tooMany = "more files than the git host lists"

// others are the paths that come with a marker: those of its commit, and of the whole pull request that brought it. Merging
// by rebase, or by fast-forward, leaves the marker alone in its commit and the rest in others.
func (r *Reconciler) others(ctx context.Context, m *estate.Migration, commit estate.Commit, number int) ([]string, error) {
	var paths []string
	if len(commit.Parents) > 0 {
		var err error
		if paths, err = r.History.Changed(commit.Parents[0], commit.Hash); err != nil {
			return nil, fmt.Errorf("what %.10s changes: %w", commit.Hash, err)
		}
	}
	if number != 0 {
		all, err := r.Reviews.Paths(ctx, number)
		switch {
		case errors.Is(err, failure.ErrRefused):
			all = []string{tooMany}
		case err != nil:
			return nil, err
		}
		paths = append(slices.Clone(paths), all...)
	}
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool { return path == m.MarkerPath() }), nil
}

// trailer ends the message of a commit that changes the marker.
const trailer = "Cutover-Phase: "

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
