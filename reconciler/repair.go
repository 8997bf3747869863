package reconciler

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"cutover/generator/pipeline"
	"cutover/reconciler/drift"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// Repaired and Proposed are the verbs of effects that no step of the runbook asks for.
const (
	// Repaired: the objects of one service were put right.
	Repaired phase.Verb = "repair"
	// Proposed: the pull request of a checkpoint was opened.
	Proposed phase.Verb = "propose"
)

// repair puts right what drifted in the new cluster, service by service, and marks what Spinnaker has just deployed as
// a member of its set.
//
// While an invariant is broken nothing is deleted.
func (r *Reconciler) repair(ctx context.Context, d *desired, k *knowledge, broken bool) error {
	drifted := driftedUnits(d, k, broken)
	if len(drifted) == 0 {
		return nil
	}
	err := each(ctx, r.Width, drifted, func(ctx context.Context, u *unit) error {
		found := k.units[u.service.ServiceID].drift
		if broken {
			found.Plan.Prune = nil
		}
		a := phase.Action{Verb: Repaired, Target: u.service.ServiceID.String(), Reason: found.Counts().String(), Undo: "the next commit that changes the service"}
		err := r.journaled(ctx, d, k.course.at, a, false, func(ctx context.Context) error { return r.write(ctx, d, u, found.Plan) })
		if err != nil {
			return fmt.Errorf("repair %s: %w", u.service.ServiceID, err)
		}
		return nil
	})
	k.remember(r.Now(), d, drifted, err)
	for _, u := range drifted {
		delete(k.units, u.service.ServiceID)
	}
	return err
}

// remember notes what was put right, unless something failed: then the next pass tells it.
func (k *knowledge) remember(at time.Time, d *desired, drifted []*unit, err error) {
	found := drift.Report{Cluster: d.migration.To.Cluster.String()}
	for _, u := range drifted {
		entry := k.units[u.service.ServiceID].drift
		if n := entry.Counts(); n.Missing+n.Changed+n.Extra > 0 {
			found.Sets = append(found.Sets, entry)
		}
	}
	if err != nil || len(found.Sets) == 0 {
		return
	}
	k.repaired = slices.Insert(k.repaired, 0, Repair{At: at, Drift: found})
	k.repaired = k.repaired[:min(len(k.repaired), maxRepaired)]
}

// driftedUnits are the units whose objects are not as git has them. A service that is being deployed, or that git
// names otherwise than it was deployed last, has not drifted: it is left to its deployment. What is only to be deleted is left
// out while an invariant is broken.
func driftedUnits(d *desired, k *knowledge, broken bool) []*unit {
	var out []*unit
	for _, u := range d.units {
		id := u.service.ServiceID
		plan := k.units[id].drift.Plan
		if settled(k.deployments[id], u.digest) && (len(plan.Apply) > 0 || len(plan.Prune) > 0 && !broken) {
			out = append(out, u)
		}
	}
	return out
}

// settled tells whether the last deployment succeeded with the objects of digest, and none is under way.
func settled(h history, digest string) bool {
	return h.ended() && len(h.ours) > 0 && h.ours[0].Digest == digest && h.ours[0].Status == pipeline.Succeeded
}

// write carries out a plan in the new cluster: what is missing or changed is applied first, then what git does not
// name any more is deleted.
func (r *Reconciler) write(ctx context.Context, d *desired, u *unit, plan drift.Plan) error {
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return err
	}
	objects := make([]object.Object, 0, len(plan.Apply))
	for _, diff := range plan.Apply {
		objects = append(objects, diff.Object)
		level := slog.LevelInfo
		if diff.Kind == drift.Unmarked {
			level = slog.LevelDebug // every object of every deployment comes by here
		}
		r.Log.Log(ctx, level, "applying", "service", u.service.ServiceID.String(), "object", diff.Ref.String(), "reason", diff.Reason)
	}
	if len(objects) > 0 {
		if err := cluster.Apply(ctx, u.set, objects); err != nil {
			return err
		}
		r.done.written.Add(int64(len(objects)))
	}
	refs := make([]object.Ref, 0, len(plan.Prune))
	for _, diff := range plan.Prune {
		refs = append(refs, diff.Ref)
		r.Log.InfoContext(ctx, "pruning", "service", u.service.ServiceID.String(), "object", diff.Ref.String(), "reason", diff.Reason)
	}
	if len(refs) == 0 {
		return nil
	}
	if err := cluster.Prune(ctx, u.set, refs); err != nil {
		return err
	}
	r.done.pruned.Add(int64(len(refs)))
	return nil
}

// driftOf is how the objects of every deployed service compare with git.
func driftOf(d *desired, k *knowledge) drift.Report {
	report := drift.Report{Cluster: d.migration.To.Cluster.String()}
	for _, u := range d.units {
		id := u.service.ServiceID
		if settled(k.deployments[id], u.digest) {
			report.Sets = append(report.Sets, k.units[id].drift)
		}
	}
	report.Sort()
	return report
}
