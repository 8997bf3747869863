package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// observe gathers the evidence that the phase decides on. What k knows is not asked again, and what the migration has
// never reached is not asked at all. A system that cannot be looked at is in the evidence as unseen, and in the error: the
// others are looked at all the same.
func (r *Reconciler) observe(ctx context.Context, d *desired, k *knowledge) (evidence.Evidence, error) {
	c := k.course
	e := evidence.Evidence{Marker: c.newest, Files: d.pending}
	var errs []error
	for _, look := range []struct {
		what string
		from estate.Phase
		at   func(context.Context, *desired, *knowledge, *evidence.Evidence) error
	}{
		{"the new cluster", estate.Prepare, r.observeSurvey},
		{"secrets", estate.Prepare, r.observeSecrets},
		{"roles", estate.Prepare, r.observeRoles},
		{"pipelines", estate.Prepare, r.observePipelines},
		{"namespaces", estate.Deploy, r.observeNamespaces},
		{"services", estate.Deploy, r.observeServices},
		{"smoke tests", estate.Deploy, r.observeSmoke},
		{"the freeze", estate.Freeze, r.observeFreeze},
		{"the base branch", estate.Freeze, r.observeMain},
		{"singletons", estate.Freeze, r.observeLinks},
		{"silences", estate.Canary, r.observeSilences},
		{"the edge", estate.Canary, r.observeEdge},
	} {
		if c.reached < look.from {
			continue
		}
		err := r.lookAt(ctx, func(ctx context.Context) error { return look.at(ctx, d, k, &e) })
		var bad *BadInput
		switch {
		case ctx.Err() != nil || errors.As(err, &bad):
			return e, fmt.Errorf("%s: %w", look.what, err)
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", look.what, err))
			e.Unseen = append(e.Unseen, evidence.Unseen{What: look.what, Reason: err.Error()})
		}
	}
	return e, errors.Join(errs...)
}

// lookFor is how long one system may take to be looked at.
const lookFor = 30 * time.Second

func (r *Reconciler) lookAt(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	return look(ctx)
}

// observeNamespaces lists the namespaces that the new cluster lacks. One that is being deleted is as good as gone.
func (r *Reconciler) observeNamespaces(ctx context.Context, d *desired, _ *knowledge, e *evidence.Evidence) error {
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return err
	}
	for _, ns := range namespacesOf(d) {
		ref := object.Ref{Version: "v1", Kind: "Namespace", Name: ns.String()}
		live, err := cluster.Live(ctx, object.Set{Namespace: ns.String()}, []object.Ref{ref})
		if err != nil {
			return fmt.Errorf("namespace %s of %s: %w", ns, d.migration.To.Cluster, err)
		}
		if !slices.ContainsFunc(live.Objects, func(o object.Object) bool {
			return object.RefOf(o).Key() == ref.Key() && o.GetDeletionTimestamp() == nil
		}) {
			e.Namespaces = append(e.Namespaces, ns)
		}
	}
	return nil
}

func namespacesOf(d *desired) []estate.NamespaceName {
	var out []estate.NamespaceName
	for _, u := range d.units { // sorted by namespace
		if ns := u.service.Namespace; len(out) == 0 || out[len(out)-1] != ns {
			out = append(out, ns)
		}
	}
	return out
}
