package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// soon is how long a push may take to be seen by its webhook, on a busy machine. The next full pass, which looks for
// commits, too, comes later.
const soon = 10 * time.Second

// TestWebhook sees a push long before the next poll, and lets nobody in who does not know the secret.
func TestWebhook(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.Poll = time.Hour
	d := p.start(t)
	if err := p.Hook(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"one", "two", "three"} {
		commit := p.push(t, message, p.migration.MarkerPath(), "phase: prepare # "+message+"\n")
		pushed := time.Now()
		p.await(t, d, "the push is seen", func(r scenario.Report) bool { return r.Commit == commit })
		took := time.Since(pushed)
		t.Logf("seen %s after the push", took.Round(time.Millisecond))
		if took > soon {
			t.Errorf("that is later than %s", soon)
		}
	}
	p.mark(t, estate.Prepare) // the trailer that was missing; what it changes is the comment
	p.await(t, d, "phase prepare is complete", complete(estate.Prepare))

	for _, tt := range []struct {
		name, method, body, signature string
		want                          int
	}{
		{"forged", http.MethodPost, `{"ref":"refs/heads/main"}`, strings.Repeat("0", 64), http.StatusUnauthorized},
		{"not signed", http.MethodPost, `{"ref":"refs/heads/main"}`, "", http.StatusUnauthorized},
		{"too large", http.MethodPost, strings.Repeat(" ", 1<<20+1), strings.Repeat("0", 64), http.StatusRequestEntityTooLarge},
		{"read", http.MethodGet, "", "", http.StatusMethodNotAllowed},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, d.URL+"/webhook", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Gitea-Event", "push")
		r.Header.Set("X-Gitea-Signature", tt.signature)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, answer.StatusCode, tt.want)
		}
	}

	p.flood(t, d)
	commit := p.push(t, "after the flood", p.migration.MarkerPath(), "phase: prepare # after the flood\n")
	pushed := time.Now()
	p.await(t, d, "a push is seen after the flood", func(r scenario.Report) bool { return r.Commit == commit })
	if took := time.Since(pushed); took > soon {
		t.Errorf("after the flood a push is seen in %s", took)
	}
}
