package labtest

import (
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
)

// Exclusive keeps every other test, of whatever binary, from what it names until the test ends: a server of which the lab
// has only one and that cannot be shared, such as "edge".
func (l *Lab) Exclusive(tb testing.TB, what string) {
	tb.Helper()
	lock := flock.New(filepath.Join(l.Dir, what+".lock"))
	if err := lock.Lock(); err != nil {
		tb.Fatalf("wait for %s: %v", what, err)
	}
	tb.Cleanup(func() {
		if err := lock.Unlock(); err != nil {
			tb.Error(err)
		}
	})
}
