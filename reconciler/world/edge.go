package world

import (
	"context"
	"fmt"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// proxy is one edge proxy.
type proxy struct {
	name     string
	started  time.Time
	down     string // why it does not answer; "" if it does
	backend  string
	from, to *server
}

// server is one server of the proxy's backend: a cluster.
type server struct {
	name                         string
	weight                       int
	state                        string
	sessions, requests, failures float64
	lasting                      int // sessions that go on after the weight is 0
}

// addProxy makes a proxy that sends everything to the old cluster.
func (w *World) addProxy(name, backend, from, to string) {
	w.fleet[name] = &proxy{
		name: name, started: w.now, backend: backend,
		from: &server{name: from, weight: 100, state: "UP"}, to: &server{name: to, state: "UP"},
	}
}

// reload begins a new process of a proxy, with the weights of its configuration file.
func (w *World) reload(x *proxy) {
	x.started = w.now
	x.from = &server{name: x.from.name, weight: 100, state: "UP"}
	x.to = &server{name: x.to.name, state: "UP"}
}

// Fleet is the edge proxies as the program uses them.
type Fleet struct{ p *Process }

func (w *World) proxies(names []string, backend, from, to string) ([]*proxy, error) {
	var out []*proxy
	for _, name := range names {
		x, ok := w.fleet[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: proxy %s", failure.ErrNotFound, name)
		case x.down == "" && (x.backend != backend || x.from.name != from || x.to.name != to):
			return nil, fmt.Errorf("%w: proxy %s has no backend %s with servers %s and %s", failure.ErrNotFound, name, backend, from, to)
		}
		out = append(out, x)
	}
	return out, nil
}

// Proxies implements reconciler.Edge.
func (f Fleet) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	return look(ctx, f.p, portEdge, "proxies", false, func() ([]evidence.Proxy, error) {
		f.p.w.flow(f.p.w.now)
		all, err := f.p.w.proxies(names, backend, from, to)
		if err != nil {
			return nil, err
		}
		var out []evidence.Proxy
		for _, x := range all {
			if x.down != "" {
				out = append(out, evidence.Proxy{Name: x.name, Unreachable: x.down})
				continue
			}
			out = append(out, evidence.Proxy{Name: x.name, Started: x.started, From: x.from.evidence(), To: x.to.evidence()})
		}
		return out, nil
	})
}

func (s *server) evidence() evidence.Server {
	return evidence.Server{
		Name: s.name, Weight: s.weight, Up: s.state == "UP", State: s.state, Latency: 20,
		Sessions: int64(s.sessions), Current: int64(s.weight + s.lasting), Requests: int64(s.requests), Errors: int64(s.failures),
	}
}

// SetWeight implements reconciler.Edge. The process may die between two proxies.
func (f Fleet) SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error {
	return do(ctx, f.p, portEdge, fmt.Sprintf("weight %d", weight), func() error {
		w := f.p.w
		if weight < 0 || weight > 100 {
			return fmt.Errorf("%w: weight %d", failure.ErrRefused, weight)
		}
		all, err := w.proxies(names, backend, from, to)
		if err != nil {
			return err
		}
		for _, x := range all {
			if x.down != "" {
				return fmt.Errorf("%w: proxy %s: %s", failure.ErrTransient, x.name, x.down)
			}
		}
		w.judge.weighs(w, f.p, all, weight)
		for i, x := range all {
			if i > 0 {
				if err := f.p.crashPoint("weight of "+x.name, false); err != nil {
					return err
				}
				w.now = w.now.Add(time.Millisecond)
				w.flow(w.now)
			}
			if weight == 0 && x.to.weight > 0 {
				w.lasts(x)
			}
			x.from.weight, x.to.weight = 100-weight, weight
			w.changed()
		}
		return nil
	})
}

// lasts lets some sessions of the new cluster go on for a while after a proxy sends it no new ones.
func (w *World) lasts(x *proxy) {
	to := x.to
	to.lasting = 1 + w.rng.IntN(5)
	w.after(time.Duration(10+w.rng.Int64N(200))*time.Second, "the last sessions of "+x.name+" end", func() { to.lasting = 0 })
}

// lasting tells whether the new cluster still has sessions of clients that it is sent no more.
func (w *World) lasting() bool {
	for _, x := range w.fleet {
		if x.down == "" && x.to.lasting > 0 {
			return true
		}
	}
	return false
}
