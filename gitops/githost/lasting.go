package githost

import (
	"context"
	"sync"
	"time"

	"cutover/gitops/review"
)

const (
	// mostLasting is how many things of each kind are remembered that never change.
	mostLasting = 4096
	// settled is how long after its merge a pull request is as it stays: before, a host may not have written all of it.
	settled = 10 * time.Minute
)

// lasting is what never changes once it is known. It holds a bounded number of things and drops the oldest.
type lasting[K comparable, V any] struct {
	most int

	mu      sync.Mutex
	entries map[K]V
	order   []K // oldest first
}

func newLasting[K comparable, V any]() *lasting[K, V] {
	return &lasting[K, V]{most: mostLasting, entries: map[K]V{}}
}

// get gives what is known, or asks. What keep does not approve of is asked for again the next time.
func (l *lasting[K, V]) get(key K, ask func() (V, error), keep func(V) bool) (V, error) {
	if value, ok := l.known(key); ok {
		return value, nil
	}
	value, err := ask()
	if err == nil && keep(value) {
		l.put(key, value)
	}
	return value, err
}

func (l *lasting[K, V]) known(key K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	value, ok := l.entries[key]
	return value, ok
}

func (l *lasting[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.entries[key]; known {
		return
	}
	if len(l.order) >= l.most {
		delete(l.entries, l.order[0])
		l.order = l.order[1:]
	}
	l.entries[key] = value
	l.order = append(l.order, key)
}

// remembering is a product that is asked once for what never changes: a commit, and a pull request some time after it was
// merged. To find how a commit came to a branch takes a look at many of both, and most are the same ones every time.
type remembering struct {
	product
	now   func() time.Time
	made  *lasting[string, commit]
	pulls *lasting[int, pull]
	own   *lasting[int, []commit]
}

func newRemembering(p product) *remembering {
	return &remembering{
		product: p, now: time.Now,
		made: newLasting[string, commit](), pulls: newLasting[int, pull](), own: newLasting[int, []commit](),
	}
}

func (r *remembering) commit(ctx context.Context, hash string) (commit, error) {
	return r.made.get(hash, func() (commit, error) { return r.product.commit(ctx, hash) }, func(commit) bool { return true })
}

func (r *remembering) pull(ctx context.Context, number int) (pull, error) {
	return r.pulls.get(number, func() (pull, error) { return r.product.pull(ctx, number) }, r.isSettled)
}

// commits are remembered of a pull request that is; nobody may change them.
func (r *remembering) commits(ctx context.Context, number int) ([]commit, error) {
	return r.own.get(number, func() ([]commit, error) { return r.product.commits(ctx, number) }, func([]commit) bool {
		_, ok := r.pulls.known(number)
		return ok
	})
}

func (r *remembering) isSettled(p pull) bool {
	return p.State == review.Merged && p.mergeCommit != "" && r.now().Sub(p.Merged) > settled
}
