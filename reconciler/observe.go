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
	e := evidence.Evidence{Marker: c.stands(), Files: d.pending}
	var errs []error
	unseen := func(what string, err error) {
		errs = append(errs, fmt.Errorf("%s: %w", what, err))
		e.Unseen = append(e.Unseen, evidence.Unseen{What: what, Reason: err.Error()})
	}
	if r.fetched != nil {
		unseen("the values repository", r.fetched)
	}
	if c.unasked != nil {
		unseen("the git host", c.unasked)
	}
	unrendered := d.unrendered
	if unrendered == nil && c.at.Phase >= estate.Prepare && d.migration.Marker.Phase < estate.Prepare {
		unrendered = fmt.Errorf("%s is gone from the branch, so nothing is rendered", d.migration.MarkerPath())
	}
	if unrendered != nil {
		unseen(evidence.TheObjects, unrendered)
	}
	patience := lookFor // with what is asked of the new cluster, until one of that takes too long
	for _, look := range []struct {
		what  string
		from  estate.Phase
		units bool // looks for what is rendered
		at    func(context.Context, *desired, *knowledge, *evidence.Evidence) error
	}{
		{"the new cluster", estate.Prepare, true, r.observeSurvey},
		{"roles", estate.Prepare, false, r.observeRoles},
		{evidence.ThePipelines, estate.Prepare, false, r.observePipelines},
		{evidence.TheFreeze, estate.Freeze, false, r.observeFreeze}, // before the versions that it holds still
		{"namespaces", estate.Deploy, true, r.observeNamespaces},
		{evidence.TheOldCluster, estate.Deploy, true, r.observeOld},
		{evidence.TheServices, estate.Deploy, true, r.observeServices},
		{"smoke tests", estate.Deploy, true, r.observeSmoke},
		{"the base branch", estate.Freeze, false, r.observeMain},
		{evidence.TheSingletons, estate.Freeze, true, r.observeLinks},
		{"silences", estate.Canary, false, r.observeSilences},
		{evidence.TheEdge, estate.Canary, false, r.observeEdge},
		{"secrets", estate.Prepare, false, r.observeSecrets}, // which address they are to hold rests on the edge
	} {
		if c.reached < look.from || look.units && unrendered != nil {
			continue
		}
		most := lookFor
		if look.units {
			most = patience
		}
		err := r.lookAt(ctx, most, func(ctx context.Context) error { return look.at(ctx, d, k, &e) })
		switch {
		case ctx.Err() != nil:
			return e, fmt.Errorf("%s: %w", look.what, err)
		case err != nil:
			unseen(look.what, err)
		}
		if look.units && look.what != evidence.TheOldCluster && errors.Is(err, errLate) {
			patience = lookBriefly
		}
	}
	return e, errors.Join(errs...)
}

const (
	// lookFor is how long one system may take to be looked at.
	lookFor = 30 * time.Second
	// lookBriefly is how long a new cluster may take that has just not answered in time: a pass has to end.
	lookBriefly = 3 * time.Second
)

func (r *Reconciler) lookAt(ctx context.Context, most time.Duration, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errLate)
	defer cancel()
	err := look(ctx)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errLate) {
		return fmt.Errorf("%w %s: %w", cause, most, err)
	}
	return err
}

// errLate says that a system took too long.
var errLate = errors.New("not done within")

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
