package reconciler

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// bakeKey is the note of the weight that bakes.
const bakeKey = "bake"

// observeEdge reads the proxies and, while the new cluster gets traffic, the checks of the weight (steps 14 and 15).
func (r *Reconciler) observeEdge(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	edge := d.migration.Edge
	if len(edge.Proxies) == 0 {
		return nil
	}
	if r.Edge == nil {
		return unconfigured(d, "haproxy", "the migration names edge proxies")
	}
	e.Edge.Proxies, err = k.proxies.get(r.Now(), proxiesFor, func() ([]evidence.Proxy, error) {
		return r.Edge.Proxies(ctx, edge.Proxies, edge.Backend, edge.From, edge.To)
	})
	if err != nil {
		return err
	}
	if e.Edge.Bake, err = r.bakeOf(ctx, d); err != nil {
		e.Edge.Proxies = nil // without the note it would look as if nothing had ever been set
		return err
	}
	if !judged(e.Edge.Bake) {
		return nil
	}
	e.Edge.Checks, err = k.checks.get(r.Now(), checksFor, func() ([]evidence.Check, error) { return r.checks(ctx, d, e.Edge) })
	return err
}

// judged tells whether a weight is to be checked: as long as the new cluster gets traffic, also after it has passed.
func judged(b evidence.Bake) bool { return b.Weight > 0 && b.Begun() && b.Failed == "" }

// checks are the proxies' own comparison of the two clusters, and the migration's queries.
func (r *Reconciler) checks(ctx context.Context, d *desired, edge evidence.Edge) ([]evidence.Check, error) {
	out := phase.EdgeChecks(&d.migration, r.slides.over(d.migration.Name, edge, r.Now()))
	for _, a := range d.migration.Edge.Analysis {
		if r.Measurements == nil {
			return nil, unconfigured(d, "prometheus", "the migration names an analysis")
		}
		m := phase.Measurement{}
		m.Value, m.Problem = r.measure(ctx, d, a.Query)
		if a.Samples != nil {
			m.Samples, m.SamplesProblem = r.measure(ctx, d, a.Samples.Query)
		}
		out = append(out, phase.Judge(a, m))
	}
	return out, ctx.Err()
}

// measure evaluates a query for the new cluster. Why it gives no number is told, and makes the check inconclusive: a
// Prometheus that is away is no reason to move traffic.
func (r *Reconciler) measure(ctx context.Context, d *desired, query string) (float64, string) {
	v, err := r.Measurements.Measure(ctx, strings.ReplaceAll(query, "$cluster", d.migration.To.Cluster.String()))
	switch {
	case errors.Is(err, failure.ErrNotFound):
		return 0, "no data yet"
	case err != nil:
		return 0, err.Error()
	}
	return v, ""
}

// slideFor is over how long a weight that has passed is compared at least: its beginning may be days ago.
const slideFor = time.Minute

// slides are the counters of the proxies some time ago, by migration.
type slides struct {
	mu sync.Mutex
	of map[estate.MigrationName]*slide
}

type slide struct {
	since        time.Time // when newer was read
	older, newer []evidence.Proxy
}

// over gives an edge whose baseline, once its weight has passed, is between one and two minutes old.
func (s *slides) over(name estate.MigrationName, edge evidence.Edge, now time.Time) evidence.Edge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !edge.Bake.Passed {
		delete(s.of, name)
		return edge
	}
	at := s.of[name]
	if at == nil {
		at = &slide{since: now, older: edge.Proxies, newer: edge.Proxies}
		s.of[name] = at
	}
	if now.Sub(at.since) >= slideFor {
		at.since, at.older, at.newer = now, at.newer, edge.Proxies
	}
	edge.Bake.Baseline = at.older
	return edge
}
