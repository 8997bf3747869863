package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// bakeKey is the note of the weight that bakes.
const bakeKey = "bake"

// observeEdge reads the proxies and, while the new cluster gets traffic, the checks of the weight (steps 14 and 15).
func (r *Reconciler) observeEdge(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	if len(d.migration.Edge.Proxies) == 0 {
		return nil
	}
	if r.Edge == nil {
		return unconfigured(d, "haproxy", "the migration names edge proxies")
	}
	if e.Edge, err = r.edgeOf(ctx, d, k.acts); err != nil || e.Edge.Checks == nil {
		return err
	}
	bake := e.Edge.Bake
	analysis, err := k.analysis.get(bake, r.Now(), func() ([]evidence.Check, error) { return r.analyse(ctx, d, bake) })
	e.Edge.Checks = append(e.Edge.Checks, analysis...)
	return err
}

// edgeOf is the edge as it is now, without the migration's queries.
func (r *Reconciler) edgeOf(ctx context.Context, d *desired, acts bool) (evidence.Edge, error) {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	return r.edgeLocked(ctx, d, acts)
}

// edgeLocked reads the proxies and the note of the bake together, and compares the two clusters by what the proxies
// counted if there is a weight to be judged. Nothing is known of the edge if one of the two cannot be read: without the
// note it would look as if nothing had ever been set. If it acts, what was seen is noted.
func (r *Reconciler) edgeLocked(ctx context.Context, d *desired, acts bool) (evidence.Edge, error) {
	edge := d.migration.Edge
	proxies, err := r.Edge.Proxies(ctx, edge.Proxies, edge.Backend, edge.From, edge.To)
	if err != nil {
		return evidence.Edge{}, err
	}
	e := evidence.Edge{Proxies: proxies}
	if e.Bake, err = r.bakeLocked(ctx, d); err != nil {
		return evidence.Edge{}, err
	}
	if seen, changed := phase.Seen(e, r.Now()); changed && acts && r.setBake(ctx, d, seen) == nil { // else at the next look
		e.Bake = seen
	}
	if !phase.Judged(e.Bake) {
		delete(r.keeper.windows, d.migration.Name)
		return e, nil
	}
	window := r.keeper.windows[d.migration.Name].Over(e, r.Now())
	r.keeper.windows[d.migration.Name] = window
	e.Lately, e.Steady, e.SteadySince = window.Lately(), window.Steady(), window.SteadySince()
	e.Checks = phase.EdgeChecks(e)
	return e, nil
}

// measureFor is how long the queries of one look may take, all of them.
const measureFor = 3 * time.Second

// analyse evaluates the migration's queries at once. What cannot be measured in time is inconclusive: a Prometheus that is
// away or slow is no reason to move traffic, and none to keep it.
func (r *Reconciler) analyse(ctx context.Context, d *desired, bake evidence.Bake) ([]evidence.Check, error) {
	list := d.migration.Edge.Analysis
	if len(list) > 0 && r.Measurements == nil {
		return nil, unconfigured(d, "prometheus", "the migration names an analysis")
	}
	measured := make([]phase.Measurement, len(list))
	var queries []query
	for i, a := range list {
		m := &measured[i]
		queries = append(queries, query{a.Query, &m.Value, &m.Problem})
		if a.Samples != nil {
			queries = append(queries, query{a.Samples.Query, &m.Samples, &m.SamplesProblem})
		}
	}
	ours := phase.Measured(&d.migration, bake, r.Now())
	ctx, cancel := context.WithTimeout(ctx, measureFor)
	defer cancel()
	_ = each(ctx, r.Width, queries, func(ctx context.Context, q query) error {
		if *q.problem = "the queries still look back on the weight that failed"; ours {
			*q.value, *q.problem = r.measure(ctx, d, q.text)
		}
		return nil
	})
	out := make([]evidence.Check, 0, len(list))
	for i, a := range list {
		out = append(out, phase.Judge(a, measured[i]))
	}
	return out, nil
}

// query is one query of an analysis, and where its result goes.
type query struct {
	text    string
	value   *float64
	problem *string
}

// measure evaluates a query for the new cluster, or tells why it gives no number.
func (r *Reconciler) measure(ctx context.Context, d *desired, query string) (float64, string) {
	v, err := r.Measurements.Measure(ctx, strings.ReplaceAll(query, "$cluster", d.migration.To.Cluster.String()))
	switch {
	case errors.Is(err, failure.ErrNotFound):
		return 0, "no data yet"
	case err != nil && ctx.Err() != nil:
		return 0, fmt.Sprintf("no answer within %s", measureFor)
	case err != nil:
		return 0, err.Error()
	}
	return v, ""
}

// analysis is what the migration's queries said of a weight that stands.
type analysis struct {
	of evidence.Bake
	fresh[[]evidence.Check]
}

// get gives what they said, and asks anew for another weight, or if it is too old.
func (a *analysis) get(bake evidence.Bake, now time.Time, ask func() ([]evidence.Check, error)) ([]evidence.Check, error) {
	if !sameBake(a.of, bake) {
		a.of = bake
		a.forget()
	}
	return a.fresh.get(now, checksFor, ask)
}
