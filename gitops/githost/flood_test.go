package githost_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cutover/gitops/githost"
)

// woken counts wakes.
type woken struct{ atomic.Int64 }

func (w *woken) wake(githost.Event) { w.Add(1) }

func serve(t *testing.T, kind githost.Kind) (*httptest.Server, *woken) {
	t.Helper()
	var w woken
	server := httptest.NewServer(receiver(t, kind).Handler(w.wake))
	t.Cleanup(server.Close)
	return server, &w
}

// send posts a webhook and returns the status that it was answered with; 0 if the connection was closed instead.
func send(t testing.TB, client *http.Client, server *httptest.Server, header http.Header, body io.Reader) int {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Error(err)
		return 0
	}
	r.Header = header
	answer, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers of the first one let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestFlood sends ten thousand webhooks that must not be accepted or must not wake, and genuine ones between them.
func TestFlood(t *testing.T) {
	server, woken := serve(t, githost.Gitea)
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	large := strings.Repeat("x", 1<<20+1)
	replayed := githubPush("refs/heads/main", before, after)
	if got := send(t, client, server, headers(githost.Gitea, "push", replayed), strings.NewReader(replayed)); got != 202 {
		t.Fatalf("the one that is repeated later: %d", got)
	}
	kinds := []struct {
		name string
		want int
		make func(i int) (http.Header, io.Reader)
	}{
		{"forged", 401, func(i int) (http.Header, io.Reader) {
			body := fmt.Sprintf(`{"ref":"refs/heads/%d"}`, i)
			h := headers(githost.Gitea, "push", "another body")
			return h, strings.NewReader(body)
		}},
		{"not signed", 401, func(int) (http.Header, io.Reader) {
			return http.Header{"X-Gitea-Event": {"push"}}, strings.NewReader(replayed)
		}},
		{"replayed under another id", 202, func(i int) (http.Header, io.Reader) {
			h := headers(githost.Gitea, "push", replayed)
			h.Set("X-Gitea-Delivery", fmt.Sprint(i))
			return h, strings.NewReader(replayed)
		}},
		{"oversized", 413, func(int) (http.Header, io.Reader) {
			return headers(githost.Gitea, "push", "x"), strings.NewReader(large)
		}},
		{"oversized without saying so", 413, func(int) (http.Header, io.Reader) {
			return headers(githost.Gitea, "push", "x"), io.MultiReader(strings.NewReader(large)) // no Content-Length
		}},
	}
	const each, genuine = 2000, 20
	before := heap()
	var slowest atomic.Int64
	var wait sync.WaitGroup
	for _, kind := range kinds {
		wait.Go(func() {
			for i := range each {
				header, body := kind.make(i)
				// An oversized one may be cut off before its sender has read the answer.
				if got := send(t, client, server, header, body); got != kind.want && (kind.want != 413 || got != 0) {
					t.Errorf("%s: %d, want %d", kind.name, got, kind.want)
					return
				}
			}
		})
	}
	wait.Go(func() {
		for i := range genuine {
			body := githubPush(fmt.Sprintf("refs/heads/%d", i), none, after)
			began := time.Now()
			if got := send(t, client, server, headers(githost.Gitea, "push", body), strings.NewReader(body)); got != 202 {
				t.Errorf("a genuine one: %d", got)
			}
			slowest.Store(max(slowest.Load(), int64(time.Since(began))))
			select {
			case <-t.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	wait.Wait()
	client.CloseIdleConnections()
	grown := int64(heap()) - int64(before)
	t.Logf("%d webhooks: heap %d KiB before, grown by %d KiB; the slowest genuine one took %s, woken %d times",
		each*len(kinds), before>>10, grown>>10, time.Duration(slowest.Load()).Round(time.Millisecond), woken.Load())
	if got := woken.Load(); got != genuine+1 {
		t.Errorf("woken %d times, want %d", got, genuine+1)
	}
	if grown > 4<<20 {
		t.Errorf("the heap has grown by %d KiB", grown>>10)
	}
	if slow := time.Duration(slowest.Load()); slow > time.Second {
		t.Errorf("a genuine one took %s", slow)
	}
}

// TestSlowSenders holds more connections than there are seats, each of which claims a signature and never sends its body.
// They hold no memory but what they sent, and are cut off.
func TestSlowSenders(t *testing.T) {
	server, woken := serve(t, githost.GitHub)
	header := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=" + sign("x") + "\r\n\r\n{"
	var wait sync.WaitGroup
	began := time.Now()
	for range 40 {
		wait.Go(func() {
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, header)
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.ReadAll(c); err != nil {
				t.Errorf("it was not cut off: %v", err)
			}
		})
	}
	wait.Wait()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("they were cut off after %s", took)
	}
	body := githubPush("refs/heads/main", before, after)
	if got := send(t, server.Client(), server, headers(githost.GitHub, "push", body), strings.NewReader(body)); got != 202 || woken.Load() != 1 {
		t.Errorf("afterwards: %d, woken %d times", got, woken.Load())
	}
}

// TestReplays: a repetition wakes again only after the window, and what is remembered is bounded.
func TestReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken woken
		handler := receiver(t, githost.GitHub).Handler(woken.wake)
		deliver := func(branch string) {
			body := githubPush("refs/heads/"+branch, before, after)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, post(headers(githost.GitHub, "push", body), body))
			if w.Code != 202 {
				t.Errorf("%s: %d", branch, w.Code)
			}
		}
		expect := func(what string, want int64) {
			t.Helper()
			if got := woken.Swap(0); got != want {
				t.Errorf("%s: woken %d times, want %d", what, got, want)
			}
		}
		deliver("a")
		deliver("a")
		deliver("b")
		deliver("a")
		expect("within the window", 2)
		time.Sleep(61 * time.Second)
		deliver("a")
		deliver("a")
		expect("after the window", 1)
		for i := range 5000 {
			deliver(fmt.Sprint(i))
		}
		expect("many different ones", 5000)
		deliver("4999")
		expect("the newest again", 0)
	})
}
