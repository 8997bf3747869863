package reconciler

import (
	"context"
	"fmt"
	"slices"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// observe gathers the evidence that the phase decides on. What k knows is not asked again, and what the migration has
// never reached is not asked at all.
func (r *Reconciler) observe(ctx context.Context, d *desired, k *knowledge) (evidence.Evidence, error) {
	c := k.course
	e := evidence.Evidence{Marker: c.newest, Files: d.pending}
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
		if err := look.at(ctx, d, k, &e); err != nil {
			return e, fmt.Errorf("%s: %w", look.what, err)
		}
	}
	return e, nil
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
