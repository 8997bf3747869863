package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Edge is a fleet of HAProxy processes in front of two small HTTP servers, one that stands for each cluster. The lab's
// own fleet is for the demo and for who has the lab alone; NewEdge makes one for a test.
type Edge struct {
	Backend   string              `json:"backend"` // the backend that splits the traffic
	From      string              `json:"from"`    // its server that stands for the old cluster; weight 100 at the start
	To        string              `json:"to"`      // its server that stands for the new cluster; weight 0 at the start
	Proxies   []Proxy             `json:"proxies"`
	Upstreams map[string]Upstream `json:"upstreams"` // by cluster: Old and New
	// Metrics is the URL of a page with the request counters of the upstreams of all fleets in Prometheus' text format:
	// http_requests_total{cluster,code}. The lab's Prometheus reads it.
	Metrics string `json:"metrics"`
	// Control is the URL of the fleet at the lab's control server, without a trailing slash.
	Control string `json:"control"`
}

// Proxy is one HAProxy.
type Proxy struct {
	Name     string `json:"name"`
	Frontend string `json:"frontend"` // URL, without a trailing slash
	Admin    string `json:"admin"`    // HOST:PORT of the stats socket, level admin
	Control  string `json:"control"`  // URL; POST to /reload, /stop, /start, /hang or /resume below it
}

// Upstream is the HTTP server that stands for one cluster.
type Upstream struct {
	Cluster string `json:"cluster"` // its header X-Cluster and the label of its counters, such as orbit-prod
	URL     string `json:"url"`     // without a trailing slash
	Control string `json:"control"` // URL; PUT a Trouble, GET a RequestCount
}

// Trouble is what goes wrong at an upstream. The zero value is a good day.
type Trouble struct {
	Fail    float64       `json:"fail"`    // share of the requests that are answered with 500, 0 to 1; health checks pass
	Silent  float64       `json:"silent"`  // share of the requests that are never answered, 0 to 1: their connections end
	Latency time.Duration `json:"latency"` // how long each answer takes, health checks apart; in nanoseconds as JSON
	Down    bool          `json:"down"`    // no answer to anything, health checks neither
}

// RequestCount is what an upstream answered since it started.
type RequestCount struct {
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"` // of these, with 500
}

// NewEdge starts a fleet of three proxies for a test, whose upstreams go by unique names. The end of the test stops it.
func (l *Lab) NewEdge(tb testing.TB) Edge {
	tb.Helper()
	name := Unique(tb)
	return l.NewEdgeOf(tb, name+"-old", name+"-new")
}

// NewEdgeOf is NewEdge with upstreams that go by the names of clusters, in their answers and counters. Fleets that use
// one name count together.
func (l *Lab) NewEdgeOf(tb testing.TB, from, to string) Edge {
	tb.Helper()
	var e Edge
	control(tb, http.MethodPost, l.Edge.fleets(), map[string]string{Old: from, New: to}, &e)
	tb.Cleanup(func() { control(tb, http.MethodDelete, e.Control, nil, nil) })
	return e
}

// fleets is the URL below which the control server has its fleets.
func (e Edge) fleets() string { return e.Control[:strings.LastIndexByte(e.Control, '/')] }

// Names lists the proxies.
func (e Edge) Names() []string {
	var names []string
	for _, p := range e.Proxies {
		names = append(names, p.Name)
	}
	return names
}

// Admins maps the proxies' names to their admin sockets.
func (e Edge) Admins() map[string]string {
	admins := make(map[string]string)
	for _, p := range e.Proxies {
		admins[p.Name] = p.Admin
	}
	return admins
}

// Proxy returns the proxy of that name.
func (e Edge) Proxy(tb testing.TB, name string) Proxy {
	tb.Helper()
	for _, p := range e.Proxies {
		if p.Name == name {
			return p
		}
	}
	tb.Fatalf("the fleet has no proxy %q", name)
	return Proxy{}
}

// Reload reloads a proxy, as systemctl reload does: a new process with the weights of the configuration. It returns when
// that one answers; no connection is lost.
func (e Edge) Reload(tb testing.TB, proxy string) { e.do(tb, proxy, "reload") }

// Stop stops a proxy: nobody answers at its addresses any more.
func (e Edge) Stop(tb testing.TB, proxy string) { e.do(tb, proxy, "stop") }

// Start starts a proxy that was stopped, at the same addresses, and returns when it answers.
func (e Edge) Start(tb testing.TB, proxy string) { e.do(tb, proxy, "start") }

// Hang makes a proxy stand still: connections are accepted, nothing is answered, until Resume.
func (e Edge) Hang(tb testing.TB, proxy string) { e.do(tb, proxy, "hang") }

// Resume ends Hang.
func (e Edge) Resume(tb testing.TB, proxy string) { e.do(tb, proxy, "resume") }

func (e Edge) do(tb testing.TB, proxy, verb string) {
	tb.Helper()
	control(tb, http.MethodPost, e.Proxy(tb, proxy).Control+"/"+verb, nil, nil)
}

// Trouble says what goes wrong at the upstream of a cluster, Old or New, from now on.
func (e Edge) Trouble(tb testing.TB, cluster string, t Trouble) {
	tb.Helper()
	control(tb, http.MethodPut, e.Upstreams[cluster].Control, t, nil)
}

// Count is what the upstream of a cluster, Old or New, answered since it started.
func (e Edge) Count(tb testing.TB, cluster string) RequestCount {
	tb.Helper()
	var c RequestCount
	control(tb, http.MethodGet, e.Upstreams[cluster].Control, nil, &c)
	return c
}

// control makes one call of the control server.
func control(tb testing.TB, method, url string, body, into any) {
	tb.Helper()
	if err := callControl(method, url, body, into); err != nil {
		tb.Fatal(err)
	}
}

func callControl(method, url string, body, into any) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, bytes.TrimSpace(answer))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
