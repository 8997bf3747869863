package e2e

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/cmd/internal/lab/scenario"
)

// flood sends ten thousand webhooks to the daemon that it must not take, or that it has taken already, and genuine ones
// between them. Nobody gets in, the memory stays, and the genuine ones are answered within a second.
func (p *place) flood(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(p.Dir, "webhook-secret"))
	if err != nil {
		t.Fatal(err)
	}
	secret = []byte(strings.TrimSpace(string(secret)))
	signed := func(body string) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(body))
		return hex.EncodeToString(mac.Sum(nil))
	}
	const pushed = `{"ref":"refs/heads/main","before":"","after":"%040d","repository":{"id":1,"full_name":"a/b","owner":{"login":"a"}},"pusher":{"login":"a"},"sender":{"login":"a"}}`
	replayed := fmt.Sprintf(pushed, 0)
	large := strings.Repeat(" ", 1<<20+1)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	send := func(id, signature string, body io.Reader) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/webhook", body)
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header.Set("X-Gitea-Event", "push")
		r.Header.Set("X-Gitea-Delivery", id)
		r.Header.Set("X-Gitea-Signature", signature)
		answer, err := client.Do(r)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	if got := send("first", signed(replayed), strings.NewReader(replayed)); got != http.StatusAccepted {
		t.Fatalf("the webhook that is repeated later: %d", got)
	}
	forgers := []struct {
		name string
		want int
		send func(i int) int
	}{
		{"forged", 401, func(i int) int {
			return send(fmt.Sprint(i), signed("another body"), strings.NewReader(fmt.Sprintf(pushed, i)))
		}},
		{"not signed", 401, func(i int) int { return send(fmt.Sprint(i), "", strings.NewReader(replayed)) }},
		{"replayed", 202, func(i int) int { return send(fmt.Sprint(i), signed(replayed), strings.NewReader(replayed)) }},
		{"oversized", 413, func(i int) int { return send(fmt.Sprint(i), signed("x"), strings.NewReader(large)) }},
		{"oversized without saying so", 413, func(i int) int {
			return send(fmt.Sprint(i), signed("x"), io.MultiReader(strings.NewReader(large)))
		}},
	}
	before := memory(t, d)
	const each = 2000
	var slowest atomic.Int64
	done := make(chan struct{})
	var wait, genuine sync.WaitGroup
	for _, forger := range forgers {
		wait.Go(func() {
			for i := range each {
				// An oversized one may be cut off before its sender has read the answer.
				if got := forger.send(i); got != forger.want && (forger.want != 413 || got != 0) {
					t.Errorf("%s: %d, want %d", forger.name, got, forger.want)
					return
				}
			}
		})
	}
	genuine.Go(func() {
		for i := 1; ; i++ {
			began, body := time.Now(), fmt.Sprintf(pushed, each+i)
			if got := send(fmt.Sprint("genuine ", i), signed(body), strings.NewReader(body)); got != http.StatusAccepted {
				t.Errorf("a genuine webhook: %d", got)
			}
			slowest.Store(max(slowest.Load(), int64(time.Since(began))))
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
		}
	})
	wait.Wait()
	close(done)
	genuine.Wait()
	after := memory(t, d)
	t.Logf("%d webhooks: resident memory %d MiB before, %d MiB after; the slowest genuine one was answered in %s",
		each*len(forgers), before>>20, after>>20, time.Duration(slowest.Load()).Round(time.Millisecond))
	if slow := time.Duration(slowest.Load()); slow > time.Second {
		t.Errorf("a genuine webhook was answered in %s", slow)
	}
	// The heap may grow once, by as many bodies as are read at the same time, before it is collected.
	if after > before+64<<20 {
		t.Errorf("the daemon's memory has grown by %d MiB", (after-before)>>20)
	}
}

// memory is the daemon's resident memory, in bytes.
func memory(t *testing.T, d *scenario.Daemon) int64 {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "process_resident_memory_bytes "); ok {
			size, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int64(size)
		}
	}
	t.Fatal("the daemon does not tell its resident memory")
	return 0
}
