package repo

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// jitter is the part of the interval by which a poll comes earlier or later, so that many daemons do not ask one git
// host at the same moment.
const jitter = 0.1

// Watch fetches at once, then every interval, give or take a tenth, and whenever wake receives. It yields the first
// Update, every Update in which something moved or was recovered, and the first one after errors. It yields each
// error with a zero Update, and then waits longer and longer, at most five intervals, until a fetch succeeds; what
// moved meanwhile is in the Update that follows. The sequence ends when the context does. The next fetch comes after
// the loop's body, so nothing is fetched while an Update is being worked on. Fetches by others take nothing from what
// Watch tells.
func (r *Repository) Watch(ctx context.Context, every time.Duration, wake <-chan struct{}) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		pause := backoff.NewExponentialBackOff()
		pause.InitialInterval = min(time.Second, every)
		pause.MaxInterval = 5 * every
		reported := r.opened
		news := true // the next Update is yielded in any case
		for {
			update, err := r.fetchSince(ctx, &reported)
			if ctx.Err() != nil {
				return
			}
			wait, woken := vary(every), wake
			if err != nil {
				// A webhook must not make a remote in trouble be asked more often.
				wait, woken, news = pause.NextBackOff(), nil, true
			} else {
				pause.Reset()
			}
			if err != nil || news || len(update.Moved) > 0 || update.Recovered != "" {
				news = err != nil
				if !yield(update, err) {
					return
				}
			}
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			case <-woken:
				timer.Stop()
			}
		}
	}
}

func vary(every time.Duration) time.Duration {
	return time.Duration(float64(every) * (1 - jitter + 2*jitter*rand.Float64())) //nolint:gosec // no secret depends on it
}
