package githost

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"cutover/reconciler/failure"
)

const (
	// limitFor is how long a host that limits calls is left alone if it does not say: GitHub asks for a minute.
	limitFor = time.Minute
	// longestLimit bounds what a host may ask for: limits are those of an hour.
	longestLimit = time.Hour
)

// limit is until when a host has asked not to be called. To call on would use up what others of the same user need, and
// hosts block who does.
type limit struct {
	now func() time.Time

	mu    sync.Mutex
	until time.Time
}

// check is the error of a call that is not to be made now.
func (l *limit) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now().Before(l.until) {
		return fmt.Errorf("%w: the git host limits how often it is asked: not before %s", failure.ErrTransient, l.until.UTC().Format("15:04:05 MST"))
	}
	return nil
}

// refused remembers a host's answer to one call too many.
func (l *limit) refused(h http.Header) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if until := now.Add(pauseOf(h, now)); until.After(l.until) {
		l.until = until
	}
}

// limited tells whether an answer says that there were too many calls. GitHub's is a 403 as well, which a pause cures,
// unlike the one for a missing right.
func limited(status int, h http.Header, said string) bool {
	return status == http.StatusTooManyRequests || status == http.StatusForbidden && (h.Get("Retry-After") != "" ||
		h.Get("X-RateLimit-Remaining") == "0" || h.Get("RateLimit-Remaining") == "0" ||
		strings.Contains(strings.ToLower(said), "rate limit"))
}

// pauseOf is how long the host is to be left alone: what Retry-After says, in seconds or as a date, or what the headers of
// the limit itself say once nothing is left of it, as seconds or since 1970. Times count from the host's own date.
func pauseOf(h http.Header, now time.Time) time.Duration {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return bounded(at.Sub(now))
	}
	for _, limit := range []struct{ resets, left string }{
		{"Retry-After", ""}, {"X-RateLimit-Reset", "X-RateLimit-Remaining"}, {"RateLimit-Reset", "RateLimit-Remaining"},
	} {
		n, err := strconv.ParseInt(strings.TrimSpace(h.Get(limit.resets)), 10, 64)
		switch {
		case err != nil || n < 0 || limit.left != "" && h.Get(limit.left) != "0": // then it is another limit that was hit
		case limit.left != "" && n > int64(longestLimit/time.Second):
			return bounded(time.Unix(n, 0).Sub(now))
		default:
			return bounded(time.Duration(min(n, int64(longestLimit/time.Second))) * time.Second)
		}
	}
	return limitFor
}

func bounded(d time.Duration) time.Duration { return min(max(d, time.Second), longestLimit) }
