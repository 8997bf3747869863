package reconciler

import (
	"context"
	"fmt"
	"slices"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// observeSurvey tells how ready the new cluster is (step 1).
func (r *Reconciler) observeSurvey(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	e.Survey, err = k.survey.get(r.Now(), surveyFor, func() (evidence.Survey, error) { return r.survey(ctx, d, k) })
	return err
}

func (r *Reconciler) survey(ctx context.Context, d *desired, k *knowledge) (evidence.Survey, error) {
	m := d.migration
	to, err := r.cluster(m.To.Cluster)
	if err != nil {
		return evidence.Survey{}, err
	}
	from, err := r.cluster(m.From.Cluster)
	if err != nil {
		return evidence.Survey{}, err
	}
	s, err := to.Survey(ctx, m.Infrastructure)
	if err != nil && ctx.Err() != nil {
		return s, err
	}
	if err != nil {
		// That it does not answer is what the survey is to find out, not a reason to stop looking.
		return evidence.Survey{Unreachable: err.Error()}, nil
	}
	if s.OldVersion, err = from.Version(ctx); err != nil {
		return s, fmt.Errorf("version of %s: %w", m.From.Cluster, err)
	}
	s.Unserved = unservedOf(d)
	if s.Needed, err = r.neededBy(ctx, d, to); err != nil {
		return s, fmt.Errorf("room for %s: %w", m.To.Stack, err)
	}
	s.Rejected, err = k.rejected.get(r.Now(), dryRunFor, func() ([]evidence.Rejection, error) { return dryRun(ctx, d, to) })
	return s, err
}

// unservedOf are the kinds that the new cluster does not serve, sorted.
func unservedOf(d *desired) []string {
	var out []string
	for _, u := range d.units {
		out = append(out, u.unserved...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// dryRun asks the new cluster about the objects of every service that it does not have yet. What it has, it has taken: a
// change of that is for its deployment to try, because a dry run of ours would be merged with the fields that Spinnaker
// owns, and so be refused for what Spinnaker itself replaces, such as the port of a Service.
func dryRun(ctx context.Context, d *desired, to Cluster) ([]evidence.Rejection, error) {
	type origin struct {
		ref object.Ref
		id  estate.ServiceID
	}
	var (
		objects []object.Object
		origins = map[string]origin{}
	)
	for _, u := range d.units {
		there, err := present(ctx, u, to)
		if err != nil {
			return nil, err
		}
		for _, o := range u.draft {
			ref := object.RefOf(o)
			if there[ref.Key()] {
				continue
			}
			objects = append(objects, o)
			origins[ref.String()] = origin{ref, u.service.ServiceID}
		}
	}
	rejected, err := to.DryRun(ctx, objects)
	for i, rejection := range rejected {
		rejected[i].Service = origins[rejection.Object].id
	}
	return rejected, err
}

// present are the objects of a unit that the new cluster has, whoever made them.
func present(ctx context.Context, u *unit, to Observer) (map[object.Ref]bool, error) {
	refs := make([]object.Ref, 0, len(u.draft))
	for _, o := range u.draft {
		refs = append(refs, object.RefOf(o))
	}
	live, err := to.Live(ctx, u.set, refs)
	if err != nil {
		return nil, err
	}
	there := map[object.Ref]bool{}
	for _, o := range live.Objects {
		there[object.RefOf(o).Key()] = true
	}
	return there, nil
}
