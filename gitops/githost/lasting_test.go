package githost

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/failure"
)

func TestLasting(t *testing.T) {
	l := newLasting[int, int]()
	l.most = 2
	asked := 0
	get := func(key int, keep bool) {
		_, _ = l.get(key, func() (int, error) { asked++; return key, nil }, func(int) bool { return keep })
	}
	for _, step := range []struct {
		key  int
		keep bool
		want int // asked so far
	}{{1, false, 1}, {1, true, 2}, {1, true, 2}, {2, true, 3}, {3, true, 4}, {2, true, 4}, {3, true, 4}, {1, true, 5}} {
		if get(step.key, step.keep); asked != step.want {
			t.Errorf("after %+v it was asked %d times", step, asked)
		}
	}
	if len(l.entries) != 2 || len(l.order) != 2 {
		t.Errorf("it holds %d and %d", len(l.entries), len(l.order))
	}
}

// TestPushedCommitCosts counts what it costs to ask again how a commit came that was pushed: not the merged pull requests
// all over.
func TestPushedCommitCosts(t *testing.T) {
	const pushed = "9999999999999999999999999999999999999999"
	calls, merged := 0, time.Now().Add(-time.Hour)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		pull := func(n int) string {
			return fmt.Sprintf(`{"number":%d,"state":"closed","merged_at":%q,"merge_commit_sha":"m%d","head":{"sha":"h%d"},"base":{"ref":"main"}}`, n, merged.UTC().Format(time.RFC3339), n, n)
		}
		path := strings.TrimPrefix(r.URL.Path, "/api/v3/repos/orbit/values/")
		var n int
		switch {
		case path == "pulls":
			fmt.Fprintf(w, "[%s,%s,%s]", pull(1), pull(2), pull(3))
		case strings.HasSuffix(path, "/pulls"):
			fmt.Fprint(w, "[]")
		case strings.HasSuffix(path, "/commits"):
			_, _ = fmt.Sscanf(path, "pulls/%d/", &n)
			fmt.Fprintf(w, `[{"sha":"h%d"}]`, n)
		case strings.HasPrefix(path, "pulls/"):
			_, _ = fmt.Sscanf(path, "pulls/%d", &n)
			fmt.Fprint(w, pull(n))
		default:
			fmt.Fprintf(w, `{"sha":%q,"parents":[{"sha":"p"}],"commit":{"message":%q}}`, strings.TrimPrefix(path, "commits/"), path)
		}
	}))
	t.Cleanup(server.Close)
	client, err := New(ClientConfig{Kind: GitHub, Server: server.URL, Repository: "orbit/values", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	costs := func() int {
		calls = 0
		if _, err := client.Arrival(t.Context(), "main", pushed); !errors.Is(err, failure.ErrNotFound) {
			t.Fatal(err)
		}
		return calls
	}
	if first, second := costs(), costs(); second > 2 || first < 10 {
		t.Errorf("it costs %d calls and then %d, want no more than 2", first, second)
	}
	merged = time.Now() // and so new that a host may still have to write what became of it
	client.product = newRemembering(client.product.(*remembering).product)
	if first, second := costs(), costs(); second <= 2 || second > first {
		t.Errorf("of new ones it costs %d calls and then %d", first, second)
	}
}
