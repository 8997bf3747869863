package reconciler

import (
	"context"
	"errors"
	"strings"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// bakeKey is the note of the weight that bakes.
const bakeKey = "bake"

// observeEdge reads the proxies and, while a weight bakes, its checks (steps 14 and 15).
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
	if _, err := r.note(ctx, d, bakeKey, &e.Edge.Bake); err != nil {
		return err
	}
	bake := e.Edge.Bake
	if bake.Weight == 0 || bake.Passed || bake.Failed != "" {
		return nil
	}
	e.Edge.Checks, err = k.checks.get(r.Now(), checksFor, func() ([]evidence.Check, error) { return r.checks(ctx, d, e.Edge) })
	return err
}

// checks are the proxies' own comparison of the two clusters, and the migration's queries.
func (r *Reconciler) checks(ctx context.Context, d *desired, edge evidence.Edge) ([]evidence.Check, error) {
	out := phase.EdgeChecks(&d.migration, edge)
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

func (x *effects) setWeight(ctx context.Context, a phase.Action) error {
	edge := x.d.migration.Edge
	defer x.forget(func(k *knowledge) { k.proxies.forget() })
	proxies := edge.Proxies
	if len(a.Items) > 0 {
		proxies = a.Items // those that answer: traffic goes back at once where it can
	}
	return x.r.Edge.SetWeight(ctx, proxies, edge.Backend, edge.From, edge.To, a.Weight)
}

// bake notes how the weight that bakes stands.
func (x *effects) bake(ctx context.Context, a phase.Action) error {
	x.forget(func(k *knowledge) { k.checks.forget() })
	return x.r.setNote(ctx, x.d, bakeKey, phase.Noted(&x.d.migration, x.e, a, x.r.Now()))
}
