package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/reconciler/contract/labtest"
)

// until runs the load until it has n answers.
func until(t *testing.T, c Config, n int64) Snapshot {
	t.Helper()
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	reach(t, s, n)
	s.Stop()
	return s.Snapshot()
}

func reach(t *testing.T, s *Source, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for s.Snapshot().Total < n {
		select {
		case <-ctx.Done():
			t.Fatalf("only %s", s.Snapshot())
		case <-time.After(time.Millisecond):
		}
	}
}

func TestCounts(t *testing.T) {
	var asked atomic.Int64
	server := func(cluster string, status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("X-Cluster", cluster)
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(broken.Close)
	c := Config{Targets: []string{server("old", 200), server("new", 503), server("new", 404), broken.URL}, Concurrency: 1, Rate: 2000}
	got := until(t, c, 40)
	if got.Total != asked.Load() {
		t.Errorf("counted %d requests, the servers %d", got.Total, asked.Load())
	}
	each := got.Total / 4
	if got.ByCluster["old"] < each || got.ByCluster["new"] < 2*each || got.Failed < 2*each || got.Failed > 2*each+2 {
		t.Errorf("counted %+v", got)
	}
	if text := strings.Join(got.Reasons, "\n"); len(got.Reasons) != 2 || !strings.Contains(text, "503 Service Unavailable") || !strings.Contains(text, "EOF") {
		t.Errorf("reasons are:\n%s", text)
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	got := until(t, Config{Targets: []string{server.URL}, Rate: 500}, 20)
	if got.Failed != got.Total || len(got.ByCluster) != 0 || len(got.Reasons) == 0 || !strings.Contains(got.Reasons[0], "connection refused") {
		t.Errorf("counted %+v", got)
	}
}

func TestRate(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	begin := time.Now()
	got := until(t, Config{Targets: []string{server.URL}, Concurrency: 4, Rate: 200}, 100)
	if took := time.Since(begin); got.Total > int64(200*took.Seconds())+4 {
		t.Errorf("%d requests in %s, want at most 200 a second", got.Total, took)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no target":   {},
		"no URL":      {Targets: []string{"edge-1"}},
		"no negative": {Targets: []string{"http://edge-1"}, Rate: -1},
	} {
		if _, err := Start(t.Context(), c); err == nil {
			t.Errorf("%s: it starts", name)
		}
	}
}

func TestSnapshot(t *testing.T) {
	var c tally
	for range 3 {
		c.count("old", "")
	}
	before := c.snapshot()
	c.count("new", "")
	c.count("", "no answer")
	now := c.snapshot()
	if got, want := now.String(), "5 requests, 1 failed; new 25.0 %, old 75.0 %"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := now.Since(before).String(), "2 requests, 1 failed; new 100.0 %, old 0.0 %"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := now.Since(before).Reasons; len(got) != 1 || before.Share("new") != 0 || (Snapshot{}).Share("new") != 0 {
		t.Errorf("reasons are %v", got)
	}
}

// Reloads and changes of weight in the middle of traffic lose no request.
func TestEdge(t *testing.T) {
	e := labtest.Get(t).NewEdge(t)
	var targets []string
	for _, p := range e.Proxies {
		targets = append(targets, p.Frontend)
	}
	s, err := Start(t.Context(), Config{Targets: targets, Rate: 400})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for i, p := range e.Names() {
		reach(t, s, int64(200*(i+1)))
		e.Reload(t, p)
	}
	reach(t, s, s.Snapshot().Total+200)
	s.Stop()
	got := s.Snapshot()
	if got.Failed > 0 {
		t.Errorf("%s: %q", got, got.Reasons)
	}
	if old := e.Count(t, labtest.Old); got.ByCluster[e.Upstreams[labtest.Old].Cluster] != old.Requests {
		t.Errorf("counted %s, the upstream %+v", got, old)
	}
}

// The promise is 1,500 requests a second on half a core. ns/op is wall clock; cpu-us/op is what this process used, with
// the proxies and upstreams in others.
func BenchmarkLoad(b *testing.B) {
	e := labtest.Get(b).NewEdge(b)
	var targets []string
	for _, p := range e.Proxies {
		targets = append(targets, p.Frontend)
	}
	before := cpu(b)
	s, err := Start(b.Context(), Config{Targets: targets})
	if err != nil {
		b.Fatal(err)
	}
	for s.Snapshot().Total < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	s.Stop()
	got := s.Snapshot()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(got.Total), "cpu-us/request")
	if got.Failed > 0 {
		b.Errorf("%s: %q", got, got.Reasons)
	}
}
