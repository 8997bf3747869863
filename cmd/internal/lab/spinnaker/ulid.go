package spinnaker

import (
	"crypto/rand"
	"sync"

	"github.com/oklog/ulid/v2"
)

// newULIDs returns a source of ids in the form of Orca's. Each is greater than the one before.
func newULIDs() func() string {
	var mu sync.Mutex
	source := ulid.Monotonic(rand.Reader, 0)
	last := uint64(0)
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		last = max(last, ulid.Now()) // a clock that is set back must not set ids back
		return ulid.MustNew(last, source).String()
	}
}
