package haproxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/contract"
	"cutover/reconciler/contract/labtest"
)

func TestContract(t *testing.T) {
	l := labtest.Get(t)
	contract.Edge(t, func(t *testing.T) contract.EdgeWorld {
		e := l.NewEdge(t)
		first := new(tap)
		return contract.EdgeWorld{
			Fleet: through(t, e, first), Names: e.Names(), Backend: e.Backend, From: e.From, To: e.To,
			Send:   func(t *testing.T, proxy string, n int) { send(t, e.Proxy(t, proxy).Frontend, n) },
			Fail:   func(t *testing.T, share float64) { e.Trouble(t, labtest.New, labtest.Trouble{Fail: share}) },
			Ignore: func(t *testing.T, share float64) { e.Trouble(t, labtest.New, labtest.Trouble{Silent: share}) },
			Down:   func(t *testing.T) { e.Trouble(t, labtest.New, labtest.Trouble{Down: true}) },
			Guard: func(t *testing.T, proxy string) {
				if proxy != e.Proxies[0].Name {
					t.Fatalf("only %s can be guarded", e.Proxies[0].Name)
				}
				first.guarded.Store(true)
			},
			Mislay: func(t *testing.T, proxy string) {
				admin := e.Proxy(t, proxy).Admin
				tell(t, admin, fmt.Sprintf("set server %s/%s state maint", e.Backend, e.To))
				_, err := run(t.Context(), admin, 10*time.Second, fmt.Sprintf("del server %s/%s", e.Backend, e.To))
				if err == nil || !strings.Contains(err.Error(), "Server deleted") { // it says so as it says what is wrong
					t.Fatalf("delete the server: %v", err)
				}
			},
			Stop:   func(t *testing.T, proxy string) { e.Stop(t, proxy) },
			Start:  func(t *testing.T, proxy string) { e.Start(t, proxy) },
			Reload: func(t *testing.T, proxy string) { e.Reload(t, proxy) },
			Add: func(t *testing.T, proxy, server string) {
				admin, address := e.Proxy(t, proxy).Admin, strings.TrimPrefix(e.Upstreams[labtest.Old].URL, "http://")
				_, err := run(t.Context(), admin, 10*time.Second, fmt.Sprintf("add server %s/%s %s weight 10", e.Backend, server, address))
				if err == nil || !strings.Contains(err.Error(), "server registered") { // it says so as it says what is wrong
					t.Fatalf("add the server: %v", err)
				}
				tell(t, admin, fmt.Sprintf("set server %s/%s state ready", e.Backend, server))
			},
			TakeOut: func(t *testing.T, proxy, server string) {
				tell(t, e.Proxy(t, proxy).Admin, fmt.Sprintf("set server %s/%s state maint", e.Backend, server))
			},
		}
	})
}

// newFleet is a client of the lab's proxies.
func newFleet(t *testing.T, e labtest.Edge) *Fleet {
	t.Helper()
	f, err := New(Config{Proxies: e.Admins(), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// send sends n requests, whatever they are answered with.
func send(t *testing.T, url string, n int) {
	t.Helper()
	for range n {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// tell gives a proxy a command, as a person would.
func tell(t *testing.T, admin, command string) {
	t.Helper()
	if _, err := run(t.Context(), admin, 10*time.Second, command); err != nil {
		t.Fatal(err)
	}
}
