package githost

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/failure"
)

func TestPauseOf(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		header []string
		want   time.Duration
	}{
		{"nothing", nil, time.Minute},
		{"seconds", []string{"Retry-After", "90"}, 90 * time.Second},
		{"a date", []string{"Retry-After", "Sun, 01 Mar 2026 12:02:00 GMT"}, 2 * time.Minute},
		{"a date of a host whose clock is an hour late", []string{"Retry-After", "Sun, 01 Mar 2026 11:02:00 GMT", "Date", "Sun, 01 Mar 2026 11:00:00 GMT"}, 2 * time.Minute},
		{"GitHub's hour", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1772368200"}, 30 * time.Minute},
		{"GitHub's second limit, while the first is not used up", []string{"X-RateLimit-Remaining", "4000", "X-RateLimit-Reset", "1772368200"}, time.Minute},
		{"GitLab's", []string{"RateLimit-Remaining", "0", "RateLimit-Reset", "1772366460"}, time.Minute},
		{"seconds until the reset", []string{"RateLimit-Remaining", "0", "RateLimit-Reset", "20"}, 20 * time.Second},
		{"a reset that is over", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1772360000"}, time.Second},
		{"what nobody can mean", []string{"Retry-After", "99999999999"}, time.Hour},
		{"neither", []string{"Retry-After", "soon"}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			for i := 0; i < len(test.header); i += 2 {
				h.Set(test.header[i], test.header[i+1])
			}
			if got := pauseOf(h, now); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestLimit: a host that limits calls is not called before the time that it gave, whatever is asked.
func TestLimit(t *testing.T) {
	calls, status := 0, http.StatusTooManyRequests
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("[]"))
	}))
	t.Cleanup(server.Close)
	client, err := New(ClientConfig{Kind: GitHub, Server: server.URL, Repository: "orbit/values", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	client.product.(*remembering).product.(*githubHost).limit.now = func() time.Time { return now }
	_, err = client.Open(t.Context())
	until := now.Add(90 * time.Second).UTC()
	for range 3 {
		if _, err = client.Paths(t.Context(), 1); !errors.Is(err, failure.ErrTransient) || calls != 1 {
			t.Fatalf("%d calls: %v", calls, err)
		}
	}
	if !strings.Contains(err.Error(), "not before "+until.Format("15:04:05")) && !strings.Contains(err.Error(), "not before "+until.Add(time.Second).Format("15:04:05")) {
		t.Errorf("it says %q, and it is %s", err, now.UTC())
	}
	status, now = http.StatusOK, now.Add(92*time.Second)
	if _, err = client.Open(t.Context()); err != nil || calls != 2 {
		t.Errorf("%d calls: %v", calls, err)
	}
}
