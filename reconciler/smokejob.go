package reconciler

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// smokeJob looks how the Job of a test that is under way fares, and notes once how it ended.
func (r *Reconciler) smokeJob(ctx context.Context, d *desired, k *knowledge, step int, test estate.Smoke, known smokeResult) (smokeResult, error) {
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return known, err
	}
	ref := smokeJobRef(test, known.Job)
	live, err := cluster.Live(ctx, object.Set{Namespace: ref.Namespace, Name: ref.Name}, []object.Ref{ref})
	if err != nil {
		return known, err
	}
	at := slices.IndexFunc(live.Objects, func(o object.Object) bool { return object.RefOf(o).Key() == ref.Key() })
	if at < 0 {
		known.State, known.Reason = evidence.SmokeDue, ref.String()+" is not there"
		return known, nil
	}
	known.State, known.Reason = judgeJob(ref, live.Objects[at])
	if known.State == evidence.SmokeRunning {
		return known, nil
	}
	known.At = r.Now()
	if !k.acts {
		return known, nil
	}
	return known, r.setNote(ctx, d, smokeKey(step, test.Name), known)
}

// judgeJob tells how a Job ended, or that it has not. Only its conditions say so: kstatus takes a Job for current as soon as
// it has begun.
func judgeJob(ref object.Ref, job object.Object) (evidence.SmokeState, string) {
	conditions, _, _ := unstructured.NestedSlice(job.Object, "status", "conditions")
	for _, c := range conditions {
		c, _ := c.(map[string]any)
		switch {
		case c["status"] != "True":
		case c["type"] == "Complete":
			return evidence.SmokePassed, ref.String() + " succeeded"
		case c["type"] == "Failed":
			return evidence.SmokeFailed, fmt.Sprintf("%s: %v: %v", ref, c["reason"], c["message"])
		}
	}
	return evidence.SmokeRunning, ref.String() + " has not ended"
}

func smokeJobRef(test estate.Smoke, name string) object.Ref {
	return object.Ref{Group: "batch", Version: "v1", Kind: "Job", Namespace: test.Job.Namespace.String(), Name: name}
}

// runSmokeJob makes the Job of a new attempt, or makes again the one of an attempt that is under way. Its name is noted
// first, so that an attempt whose effect was lost is the same one afterwards.
func (x *effects) runSmokeJob(ctx context.Context, step int, test estate.Smoke, result smokeResult) error {
	cluster, err := x.r.cluster(x.d.migration.To.Cluster)
	if err != nil {
		return err
	}
	var last smokeResult
	key := smokeKey(step, test.Name)
	if _, err := x.r.note(ctx, x.d, key, &last); err != nil {
		return err
	}
	// A CronJob's name leaves room for ten digits (52 characters of 63), and so does its own controller's number.
	result.Job = fmt.Sprintf("%s-%d", test.Job.CronJob, result.At.Unix())
	if last.State == evidence.SmokeRunning && last.Of == result.Of && last.Begun == result.Begun {
		result.Job = last.Job
	}
	ref := smokeJobRef(test, result.Job)
	result.State, result.Reason = evidence.SmokeRunning, ref.String()
	if err := x.r.setNote(ctx, x.d, key, result); err != nil {
		return err
	}
	cronJob := object.Ref{Group: "batch", Version: "v1", Kind: "CronJob", Namespace: ref.Namespace, Name: test.Job.CronJob}
	return cluster.RunCronJob(ctx, cronJob, ref.Name)
}
