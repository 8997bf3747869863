package e2e

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/cmd/internal/lab/scenario"
)

// get is the daemon's answer: its status code and its body.
func get(t *testing.T, d *scenario.Daemon, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// checkAlive checks that the daemon is well, whatever it has to report.
func checkAlive(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, text := get(t, d, path); code != http.StatusOK {
			t.Errorf("GET %s: %d: %s", path, code, text)
		}
	}
}

// awaitStatus waits for a status code of an answer.
func awaitStatus(t *testing.T, d *scenario.Daemon, path string, want int) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		code, _ := get(t, d, path)
		return code == want, nil
	})
	if err != nil {
		t.Fatalf("GET %s never answered %d: %v", path, want, err)
	}
}
