package githost

import (
	"sync"
	"time"
)

const (
	// replayWindow is how long a webhook's repetitions are known as such. After it, one wakes again, which costs a look at
	// the git host and no more.
	replayWindow = time.Minute
	// mostReplays is how many webhooks are remembered. Only authentic ones are.
	mostReplays = 512
)

// digest is the SHA-256 of an authentic body. The body alone is signed: who repeats a webhook may give it another delivery
// id, and one that comes with a known id and a new body is still new.
type digest [32]byte

// replays remembers the newest webhooks.
type replays struct {
	mu    sync.Mutex
	seen  map[digest]time.Time
	order []digest // in which they came first; at most mostReplays
}

func newReplays() *replays { return &replays{seen: make(map[digest]time.Time, mostReplays)} }

// fresh tells whether a webhook did not come within the window before now, and remembers it.
func (r *replays) fresh(d digest, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.order) > 0 && (len(r.order) >= mostReplays || now.Sub(r.seen[r.order[0]]) >= replayWindow) {
		if r.order[0] == d && now.Sub(r.seen[d]) < replayWindow {
			return false
		}
		delete(r.seen, r.order[0])
		r.order = r.order[:copy(r.order, r.order[1:])] // in place: nothing grows
	}
	if _, ok := r.seen[d]; ok {
		return false
	}
	r.seen[d] = now
	r.order = append(r.order, d)
	return true
}
