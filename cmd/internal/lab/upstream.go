package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/reconciler/contract/labtest"
)

// healthPath is where the proxies ask whether an upstream lives.
const healthPath = "/healthz"

// upstream is the HTTP server behind the edge that stands for one cluster. It runs in this process, so it cannot outlive
// it.
type upstream struct {
	cluster  string
	listener net.Listener
	http     *http.Server
	requests *prometheus.CounterVec

	mu      sync.Mutex
	trouble labtest.Trouble      // under mu
	count   labtest.RequestCount // under mu
	debt    float64              // under mu: requests that should have failed and did not yet; below 1
	unheard float64              // under mu: those that should have got no answer
}

// newRequestCounter makes the counters of all upstreams. Those of one cluster's name count together, so that a fleet may
// come and go without a counter that goes back.
func newRequestCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total",
		Help: "Requests that the cluster answered, by status.",
	}, []string{"cluster", "code"})
}

// startUpstream serves as cluster: that is what its answers and its counters say.
func startUpstream(ctx context.Context, cluster string, requests *prometheus.CounterVec) (*upstream, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the upstream %s: %w", cluster, err)
	}
	u := &upstream{cluster: cluster, listener: listener, requests: requests}
	mux := http.NewServeMux()
	mux.HandleFunc(healthPath, u.health)
	mux.HandleFunc("/", u.serve)
	u.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = u.http.Serve(listener) }() // ends with close
	return u, nil
}

func (u *upstream) close() error { return u.http.Close() }

// health answers the proxies' checks: a cluster whose requests fail is alive all the same, one that is down is not.
func (u *upstream) health(w http.ResponseWriter, _ *http.Request) {
	if u.troubled().Down {
		panic(http.ErrAbortHandler) // closes the connection
	}
	w.WriteHeader(http.StatusNoContent)
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	trouble := u.troubled()
	if trouble.Latency > 0 {
		select {
		case <-time.After(trouble.Latency):
		case <-r.Context().Done():
		}
	}
	if trouble.Down || u.silent() {
		panic(http.ErrAbortHandler)
	}
	code := u.next()
	u.requests.WithLabelValues(u.cluster, strconv.Itoa(code)).Inc()
	w.Header().Set("X-Cluster", u.cluster)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(u.cluster + "\n"))
}

// next counts a request and returns the status that it is answered with. Failures are spread evenly, so that a share
// holds for few requests, too.
func (u *upstream) next() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count.Requests++
	if !due(&u.debt, u.trouble.Fail) {
		return http.StatusOK
	}
	u.count.Failed++
	return http.StatusInternalServerError
}

// silent tells whether a request gets no answer.
func (u *upstream) silent() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return due(&u.unheard, u.trouble.Silent)
}

// due tells whether the next of some requests is one of a share of them, of which debt is what is owed.
func due(debt *float64, share float64) bool {
	*debt += share
	if *debt < 1-1e-9 { // sums of fractions are not exact
		return false
	}
	*debt = math.Max(0, *debt-1)
	return true
}

func (u *upstream) troubled() labtest.Trouble {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.trouble
}

// setTrouble says what goes wrong from now on.
func (u *upstream) setTrouble(t labtest.Trouble) error {
	for _, share := range []float64{t.Fail, t.Silent} {
		if share < 0 || share > 1 || math.IsNaN(share) {
			return errors.New("fail and silent are shares from 0 to 1")
		}
	}
	if t.Latency < 0 {
		return errors.New("latency must not be negative")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trouble, u.debt, u.unheard = t, 0, 0
	return nil
}

func (u *upstream) counted() labtest.RequestCount {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.count
}
