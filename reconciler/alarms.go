package reconciler

import (
	"context"
	"slices"

	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// silenceOwner marks the silences of a migration as ours.
func (r *Reconciler) silenceOwner(d *desired) string {
	return "cutover/" + r.Generator.Estate + "/" + d.migration.Name.String()
}

// observeSilences lists the migration's silences (step 13).
func (r *Reconciler) observeSilences(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	if len(d.migration.Alarms.Matchers) == 0 {
		return nil
	}
	if r.Alarms == nil {
		return unconfigured(d, "alertmanager", "the migration names alarms")
	}
	e.Silences, err = k.silences.get(r.Now(), silencesFor, func() ([]evidence.Silence, error) {
		return r.Alarms.Silences(ctx, r.silenceOwner(d))
	})
	return err
}

// silence creates or extends the migration's silence, or ends one.
func (x *effects) silence(ctx context.Context, a phase.Action) error {
	defer x.forget(func(k *knowledge) { k.silences.forget() })
	if a.Verb == phase.ExpireSilence {
		return x.r.Alarms.Expire(ctx, a.Key, x.r.silenceOwner(x.d))
	}
	alarms, now := x.d.migration.Alarms, x.r.Now()
	s := evidence.Silence{
		ID: a.Key, Matchers: slices.Sorted(slices.Values(alarms.Matchers)), Starts: now, Ends: now.Add(alarms.AtMost),
		Owner: x.r.silenceOwner(x.d), Comment: "migration " + x.d.migration.Name.String() + " moves these to " + x.d.migration.To.Cluster.String(),
	}
	_, err := x.r.Alarms.Silence(ctx, s)
	return err
}
