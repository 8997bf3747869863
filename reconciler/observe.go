package reconciler

import (
	"context"
	"fmt"
	"slices"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// observe gathers the evidence that the phase decides on. What k knows is not asked again.
func (r *Reconciler) observe(ctx context.Context, d *desired, k *knowledge) (evidence.Evidence, error) {
	var err error
	e := evidence.Evidence{Marker: d.marker, Files: d.pending}
	if e.Pipelines, err = r.observePipelines(ctx, d, k); err != nil {
		return e, err
	}
	if d.migration.Marker.Phase < estate.Deploy {
		return e, nil
	}
	if e.Namespaces, err = r.observeNamespaces(ctx, d); err != nil {
		return e, err
	}
	e.Services, err = r.observeServices(ctx, d, k)
	return e, err
}

// observeNamespaces lists the namespaces that the new cluster lacks. One that is being deleted is as good as gone.
func (r *Reconciler) observeNamespaces(ctx context.Context, d *desired) ([]estate.NamespaceName, error) {
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return nil, err
	}
	var missing []estate.NamespaceName
	for _, ns := range namespacesOf(d) {
		ref := object.Ref{Version: "v1", Kind: "Namespace", Name: ns.String()}
		live, err := cluster.Live(ctx, object.Set{Namespace: ns.String()}, []object.Ref{ref})
		if err != nil {
			return nil, fmt.Errorf("namespace %s of %s: %w", ns, d.migration.To.Cluster, err)
		}
		if !slices.ContainsFunc(live.Objects, func(o object.Object) bool {
			return object.RefOf(o).Key() == ref.Key() && o.GetDeletionTimestamp() == nil
		}) {
			missing = append(missing, ns)
		}
	}
	return missing, nil
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
