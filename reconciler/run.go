package reconciler

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// Wakes are the reasons to look again. A nil channel never wakes.
type Wakes struct {
	Git      <-chan struct{}   // the values repository's branches may have moved, or nobody can tell
	Objects  <-chan object.Set // a set whose objects changed in a new cluster
	Reviews  <-chan struct{}   // a pull request, or what is said about one, may have changed
	Schedule <-chan struct{}   // time for a full pass
}

// settle is how long to wait for more changes of objects before looking: a rollout changes one object many times.
const settle = 200 * time.Millisecond

// Run passes at once and then whenever it is woken, until ctx ends. A pass that failed is repeated after a while, from
// the same commits unless the branches moved; what else is due meanwhile is not put off.
func (r *Reconciler) Run(ctx context.Context, w Wakes) error {
	var (
		heads estate.Heads // nil: to be fetched
		scope = Full
		retry = newRetry()
		alarm = alarm{now: r.Now}
	)
	alarm.set(r.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case set := <-w.Objects:
			r.Touched(set)
			alarm.set(r.Now().Add(settle))
			continue
		case <-w.Git:
			heads = nil
		case <-w.Reviews:
			for _, k := range r.known {
				k.forgetReviews()
			}
			alarm.set(r.Now().Add(settle))
			continue
		case <-w.Schedule:
			heads, scope = nil, Full
		case <-alarm.rings():
		}
		alarm.clear()
		again, err := r.Once(ctx, &heads, scope)
		if ctx.Err() != nil {
			return nil
		}
		scope = Changed // what a full pass could not ask for is still unknown, and asked for next
		alarm.set(again)
		r.looked.Store(r.looked.Load() || err == nil)
		if err == nil {
			retry.Reset()
			continue
		}
		if errors.Is(err, failure.ErrConflict) {
			heads = nil // somebody was faster: decide on what they did
		}
		wait := retry.NextBackOff()
		r.done.failed.Add(1)
		r.Log.ErrorContext(ctx, "pass failed", "error", err, "again", wait)
		alarm.set(r.Now().Add(wait))
	}
}

func newRetry() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 250*time.Millisecond, time.Minute
	return b
}

// alarm rings at the earliest of the times that it was set to.
type alarm struct {
	now func() time.Time
	at  time.Time // zero: not set
}

func (a *alarm) set(at time.Time) { a.at = phase.Earlier(a.at, at) }
func (a *alarm) clear()           { a.at = time.Time{} }

// rings is a channel that receives at the time, and never if there is none.
func (a *alarm) rings() <-chan time.Time {
	if a.at.IsZero() {
		return nil
	}
	return time.After(a.at.Sub(a.now()))
}

// Once fetches the heads unless they are known, and passes. The heads are only ever those that it fetched itself, so
// that an older answer cannot come after a newer one.
func (r *Reconciler) Once(ctx context.Context, heads *estate.Heads, scope Scope) (time.Time, error) {
	if *heads != nil {
		return r.Pass(ctx, *heads, scope)
	}
	fetched, err := r.Source.Fetch(ctx)
	r.fetched = err
	if err == nil {
		r.heads, *heads = fetched, fetched
		return r.Pass(ctx, fetched, scope)
	}
	if r.heads == nil {
		r.heads = r.Source.Opened()
	}
	if len(r.heads) == 0 || ctx.Err() != nil {
		return time.Time{}, err
	}
	// Git is away, and may have a newer marker: what was decided from its last answer is still to be kept up, and no more.
	again, passed := r.Pass(ctx, r.heads, scope)
	return again, errors.Join(err, passed)
}

// Touched tells that objects of a set changed in a new cluster: the next pass looks at them anew.
func (r *Reconciler) Touched(set object.Set) {
	for _, k := range r.known {
		k.touched(set)
	}
}
