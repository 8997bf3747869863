package world

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// traffic is what users send, and how it fares. It is the same from one change of the world to the next, so it is
// counted when something changes or somebody looks.
type traffic struct {
	last             time.Time // up to when it has been counted
	requests, failed float64
	samples          []sample // by time
}

// sample is what the clusters have served up to a time: requests and errors since the beginning.
type sample struct {
	at     time.Time
	served map[string][2]float64
}

// window is how far back the metrics look.
const window = 2 * time.Minute

// route is where the requests of a cluster's clients go now.
type route struct {
	cluster *cluster
	share   float64         // of all requests, 0 to 1
	ready   int             // Pods that answer
	targets map[string]bool // addresses of the singletons that they talk to
}

// routes tells where requests go now: the old cluster first.
func (w *World) routes() []route {
	m := w.migration
	out := []route{{cluster: w.clusters[m.From.Cluster.String()]}, {cluster: w.clusters[m.To.Cluster.String()]}}
	up := 0.0
	for _, name := range m.Edge.Proxies {
		x := w.fleet[name]
		if x == nil || !w.works(x) {
			continue // the load balancer in front leaves it out
		}
		if x.from.weight+x.to.weight > 0 {
			up++
			from, to := x.split()
			out[0].share += from
			out[1].share += to
		}
	}
	for i := range out {
		if up > 0 {
			out[i].share /= up
		}
		out[i].targets = map[string]bool{}
		for _, p := range w.serving(out[i].cluster) {
			out[i].ready++
			if p.address != "" {
				out[i].targets[p.address] = true
			}
		}
	}
	return out
}

// split is the part of a proxy's requests that each server gets, 0 to 1. A server that is not up gets nothing. If nothing
// is left that is up and has a weight, the proxy answers all requests itself, with an error.
func (x *proxy) split() (from, to float64) {
	weights := [2]float64{}
	for i, s := range []*server{x.from, x.to} {
		if s.state == stateUp {
			weights[i] = float64(s.weight)
		}
	}
	sum := weights[0] + weights[1]
	if sum == 0 {
		return 0, 0
	}
	return weights[0] / sum, weights[1] / sum
}

// serving are the Pods of a cluster that answer users: those of the singletons' clients.
func (w *World) serving(c *cluster) []*pod {
	var out []*pod
	for _, p := range c.pods {
		if p.ready && !p.terminating && w.judge.clients[p.labels["app"]] {
			out = append(out, p)
		}
	}
	return out
}

// flow counts the traffic up to a time.
func (w *World) flow(until time.Time) {
	t := &w.traffic
	seconds := until.Sub(t.last).Seconds()
	if seconds <= 0 || len(w.fleet) == 0 || w.migration.Name.IsZero() {
		t.last = maxTime(t.last, until)
		return
	}
	w.endure(until.Sub(t.last))
	total := w.options.Requests * seconds
	served := map[string][2]float64{}
	if n := len(t.samples); n > 0 {
		for name, s := range t.samples[n-1].served {
			served[name] = s
		}
	}
	lost := total
	for _, r := range w.routes() {
		sent := total * r.share
		lost -= sent
		errors := sent * r.cluster.illness.Errors
		if r.ready == 0 && sent > 0 {
			errors = sent
			t.failed += sent
			if !w.crashing(r.cluster) {
				w.breach("traffic", "%.0f requests found no ready Pod in %s", sent, r.cluster.name)
			}
		}
		t.requests += sent
		s := served[r.cluster.name]
		served[r.cluster.name] = [2]float64{s[0] + sent*(1-r.cluster.illness.Silent), s[1] + errors}
	}
	if lost > 0.5 { // and not what sums of fractions leave
		t.requests += lost
		t.failed += lost
	}
	w.count(seconds)
	if w.oneSided() {
		w.judge.ledger.counts(w)
	}
	t.last = until
	t.samples = append(t.samples, sample{until, served})
	old := 0
	for old+1 < len(t.samples) && t.samples[old+1].at.Before(until.Add(-window)) {
		old++
	}
	if old > 64 {
		t.samples = slices.Clone(t.samples[old:])
	}
}

// oneSided tells whether a server of some proxy takes no traffic, so that the other one gets its share.
func (w *World) oneSided() bool {
	for _, x := range w.fleet {
		if x.from.state != stateUp || x.to.state != stateUp {
			return true
		}
	}
	return false
}

// count adds to the proxies' counters.
func (w *World) count(seconds float64) {
	up := 0.0
	for _, x := range w.fleet {
		if w.works(x) {
			up++
		}
	}
	for _, x := range w.fleet {
		if !w.works(x) {
			continue
		}
		before := x.to.sessions
		w.serve(x, w.options.Requests*seconds/up)
		astray := x.astray * (x.to.sessions - before)
		x.from.sessions, x.to.sessions = x.from.sessions+astray, x.to.sessions-astray
	}
}

// serve lets a proxy send requests to its servers.
func (w *World) serve(x *proxy, requests float64) {
	from, to := x.split()
	for _, part := range []struct {
		server  *server
		share   float64
		cluster estate.ClusterName
	}{{x.from, from, w.migration.From.Cluster}, {x.to, to, w.migration.To.Cluster}} {
		c := w.clusters[part.cluster.String()]
		s, sent, ill := part.server, requests*part.share, c.illness
		failing := ill.failing()
		if len(w.judge.clients) > 0 && len(w.serving(c)) == 0 {
			failing = 1 // the ingress answers 503
		}
		s.sessions += sent
		s.requests += sent
		s.answered += sent * (1 - ill.Silent)
		s.failures += sent * failing
		if sent > 0 {
			s.latency = goodLatency + ill.Latency
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recent is what a cluster served in the last window: requests and errors.
func (w *World) recent(cluster string) (requests, errors float64) {
	w.flow(w.now)
	t := &w.traffic
	if len(t.samples) == 0 {
		return 0, 0
	}
	newest := t.samples[len(t.samples)-1].served[cluster]
	// Between two samples the traffic is steady.
	at := w.now.Add(-window)
	i, _ := slices.BinarySearchFunc(t.samples, at, func(s sample, at time.Time) int { return s.at.Compare(at) })
	if i == 0 {
		return newest[0], newest[1]
	}
	if i == len(t.samples) {
		return 0, 0
	}
	before, after := t.samples[i-1], t.samples[i]
	part := at.Sub(before.at).Seconds() / after.at.Sub(before.at).Seconds()
	a, b := before.served[cluster], after.served[cluster]
	return newest[0] - a[0] - part*(b[0]-a[0]), newest[1] - a[1] - part*(b[1]-a[1])
}

// Prometheus is the metrics as the program uses them. It knows the values that SetMetric gave, and
// requests{cluster="C"} and error_rate{cluster="C"}, over the last two minutes.
type Prometheus struct{ p *Process }

// Measure implements reconciler.Measurements.
func (m Prometheus) Measure(ctx context.Context, query string) (float64, error) {
	return look(ctx, m.p, portMetrics, "measure "+query, true, func() (float64, error) {
		w := m.p.w
		if values, ok := w.metrics[query]; ok {
			return single(values)
		}
		if strings.TrimSpace(query) == "" || strings.Count(query, "(") != strings.Count(query, ")") {
			return 0, fmt.Errorf("%w: %q is no query", failure.ErrRefused, query)
		}
		name, cluster, ok := strings.Cut(strings.TrimSuffix(query, `"}`), `{cluster="`)
		if !ok || w.clusters[cluster] == nil {
			return 0, fmt.Errorf("%w: no series match", failure.ErrNotFound)
		}
		requests, errors := w.recent(cluster)
		switch {
		case name == "requests":
			return requests, nil
		case name == "error_rate" && requests > 0:
			return errors / requests, nil
		}
		return 0, fmt.Errorf("%w: no series match", failure.ErrNotFound)
	})
}

// single is the one number of an answer.
func single(values []float64) (float64, error) {
	switch {
	case len(values) > 1:
		return 0, fmt.Errorf("%w: the query gives %d series", failure.ErrRefused, len(values))
	case len(values) == 0 || math.IsNaN(values[0]):
		return 0, fmt.Errorf("%w: no number", failure.ErrNotFound)
	case math.IsInf(values[0], 0):
		return 0, fmt.Errorf("%w: the query gives %g", failure.ErrRefused, values[0])
	}
	return values[0], nil
}

// Prober asks services over HTTP.
type Prober struct{ p *Process }

// Probe implements reconciler.Prober. The first label of a host is a service; a host with the label eks leads to the
// new cluster.
func (b Prober) Probe(ctx context.Context, address string) (int, error) {
	return look(ctx, b.p, portProbe, "GET "+address, false, func() (int, error) {
		w := b.p.w
		u, err := url.Parse(address)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", failure.ErrRefused, err)
		}
		service, domain, _ := strings.Cut(u.Hostname(), ".")
		c := w.clusters[w.migration.From.Cluster.String()]
		if strings.HasPrefix(domain, "eks.") {
			c = w.clusters[w.migration.To.Cluster.String()]
		}
		for _, p := range c.pods {
			if p.labels["app"] == service && p.ready {
				return 200, nil
			}
		}
		return 503, nil
	})
}
