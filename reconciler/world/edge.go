package world

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// proxy is one edge proxy.
type proxy struct {
	name     string
	started  time.Time
	down     string    // why it does not answer; "" if it does
	guarded  time.Time // until when it refuses weights
	mislaid  time.Time // until when it has another configuration
	third    string    // a server of the backend beside the two; "" if there is none
	astray   float64   // part of the new cluster's sessions that the old one gets all the same
	backend  string
	from, to *server
}

// server is one server of the proxy's backend: a cluster.
type server struct {
	name                                   string
	weight                                 int
	state                                  string
	since                                  time.Time // of the state
	sessions, requests, answered, failures float64
	latency                                time.Duration
	lasting                                int // sessions that go on after the weight is 0
}

// addProxy makes a proxy that sends everything to the old cluster.
func (w *World) addProxy(name, backend, from, to string) {
	w.fleet[name] = &proxy{
		name: name, started: w.now, backend: backend,
		from: &server{name: from}, to: &server{name: to},
	}
	w.reload(w.fleet[name])
}

// reload begins a new process of a proxy, with the weights of its configuration file.
func (w *World) reload(x *proxy) {
	x.started, x.third = w.now, ""
	x.from = &server{name: x.from.name, weight: 100}
	x.to = &server{name: x.to.name}
	for _, name := range []estate.ClusterName{w.migration.From.Cluster, w.migration.To.Cluster} {
		if c := w.clusters[name.String()]; c != nil {
			x.server(w, name).turn(w.now, c.illness.Down)
		}
	}
}

// strange tells whether a proxy has no such backend with such servers.
func (w *World) strange(x *proxy, backend, from, to string) bool {
	return w.now.Before(x.mislaid) || x.backend != backend || x.from.name != from || x.to.name != to
}

// works tells whether a proxy answers users.
func (w *World) works(x *proxy) bool { return x.down == "" && !w.now.Before(x.mislaid) }

// Fleet is the edge proxies as the program uses them.
type Fleet struct{ p *Process }

// named are the proxies of some names; one that is unknown has no servers. It fails if none has them.
func (w *World) named(names []string, backend, from, to string) ([]*proxy, error) {
	var out []*proxy
	strange := 0
	for _, name := range names {
		x, ok := w.fleet[name]
		if !ok {
			x = &proxy{name: name, from: &server{}, to: &server{}}
		}
		if x.down == "" && w.strange(x, backend, from, to) {
			strange++
		}
		out = append(out, x)
	}
	if strange > 0 && strange == len(names) {
		return nil, fmt.Errorf("%w: proxy %s has no backend %s with servers %s and %s", failure.ErrNotFound, names[0], backend, from, to)
	}
	return out, nil
}

// Proxies implements reconciler.Edge.
func (f Fleet) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	return look(ctx, f.p, portEdge, "proxies", false, func() ([]evidence.Proxy, error) {
		w := f.p.w
		w.flow(w.now)
		all, err := w.named(names, backend, from, to)
		if err != nil {
			return nil, err
		}
		var out []evidence.Proxy
		for _, x := range all {
			if why := w.silent(x, backend, from, to); why != nil {
				out = append(out, evidence.Proxy{Name: x.name, Unreachable: why.Error()})
				continue
			}
			out = append(out, evidence.Proxy{Name: x.name, Started: x.started, Third: x.third, From: x.from.evidence(w.now), To: x.to.evidence(w.now)})
		}
		return out, nil
	})
}

// silent is why nothing is known of a proxy's servers; nil if it tells.
func (w *World) silent(x *proxy, backend, from, to string) error {
	switch {
	case x.down != "":
		return fmt.Errorf("%w: proxy %s: %s", failure.ErrTransient, x.name, x.down)
	case w.strange(x, backend, from, to):
		return fmt.Errorf("%w: proxy %s has no such servers", failure.ErrNotFound, x.name)
	}
	return nil
}

func (s *server) evidence(now time.Time) evidence.Server {
	return evidence.Server{
		Name: s.name, Weight: s.weight, Up: s.state == stateUp, State: s.state, For: now.Sub(s.since), Latency: s.latency.Milliseconds(),
		Sessions: int64(s.sessions), Current: int64(s.weight + s.lasting), Requests: int64(s.requests), Answered: int64(s.answered), Errors: int64(s.failures),
	}
}

// SetWeight implements reconciler.Edge. The process may die between two proxies.
func (f Fleet) SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error {
	return do(ctx, f.p, portEdge, fmt.Sprintf("weight %d", weight), func() error {
		w := f.p.w
		if weight < 0 || weight > 100 {
			return fmt.Errorf("%w: weight %d", failure.ErrRefused, weight)
		}
		all, err := w.named(names, backend, from, to)
		if err != nil {
			return err
		}
		var failures []error
		for _, x := range all {
			failures = append(failures, w.silent(x, backend, from, to))
		}
		silent := errors.Join(failures...)
		before := map[*proxy]int{}
		w.judge.weighs(w, f.p, all, weight)
		for i, x := range all {
			switch {
			case failures[i] != nil, silent != nil && x.to.weight <= weight:
				continue
			case w.now.Before(x.guarded):
				failures[i] = fmt.Errorf("%w: proxy %s: permission denied", failure.ErrRefused, x.name)
				continue
			case len(before) > 0:
				if err := f.p.crashPoint("weight of "+x.name, false); err != nil {
					return err
				}
				w.now = w.now.Add(time.Millisecond)
				w.flow(w.now)
			}
			if weight == 0 && x.to.weight > 0 {
				w.lasts(x)
			}
			before[x] = x.to.weight
			x.from.weight, x.to.weight = 100-weight, weight
			w.changed()
		}
		err = errors.Join(failures...)
		for _, x := range all {
			if was, ok := before[x]; ok && err != nil && was < weight {
				x.from.weight, x.to.weight = 100-was, was // raised at all or at none
			}
		}
		return err
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
