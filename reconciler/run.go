package reconciler

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// Wakes are the reasons to look again. A nil channel never wakes.
type Wakes struct {
	Git      <-chan struct{}   // the values repository's branches may have moved
	Objects  <-chan object.Set // a set whose objects changed in a new cluster
	Schedule <-chan struct{}   // time for a full pass
}

// settle is how long to wait for more changes of objects before looking: a rollout changes one object many times.
const settle = 200 * time.Millisecond

// Run passes at once and then whenever it is woken, until ctx ends. A pass that failed is repeated after a while,
// from the same commits unless the branches moved.
func (r *Reconciler) Run(ctx context.Context, w Wakes) error {
	var (
		heads estate.Heads // nil: to be fetched
		scope = Full
		retry = backoff.NewExponentialBackOff()
		timer = time.NewTimer(0)
	)
	defer timer.Stop()
	retry.MaxInterval = time.Minute
	for {
		select {
		case <-ctx.Done():
			return nil
		case set := <-w.Objects:
			r.touched(set)
			timer.Reset(settle)
			continue
		case <-w.Git:
			heads = nil
		case <-w.Schedule:
			heads, scope = nil, Full
		case <-timer.C:
		}
		again, err := r.once(ctx, &heads, scope)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, failure.ErrConflict):
			heads = nil // somebody was faster: decide on what they did
			timer.Reset(0)
		case err != nil:
			wait := retry.NextBackOff()
			r.done.failed.Add(1)
			r.Log.ErrorContext(ctx, "pass failed", "error", err, "again", wait)
			timer.Reset(wait)
		default:
			retry.Reset()
			scope = Changed
			if !again.IsZero() {
				timer.Reset(again.Sub(r.Now()))
			}
		}
	}
}

// once fetches the heads unless they are known, and passes. The heads are only ever those that it fetched itself, so
// that an older answer cannot come after a newer one.
func (r *Reconciler) once(ctx context.Context, heads *estate.Heads, scope Scope) (time.Time, error) {
	if *heads == nil {
		fetched, err := r.Source.Fetch(ctx)
		if err != nil {
			return time.Time{}, err
		}
		*heads = fetched
	}
	return r.Pass(ctx, *heads, scope)
}

func (r *Reconciler) touched(set object.Set) {
	for _, k := range r.known {
		k.touched(set)
	}
}
