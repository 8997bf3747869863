package world

import (
	"context"
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// madeFrom is the mark of a Job: the UID of the CronJob that it was made from.
const madeFrom = "cutover/made-from"

// RunCronJob implements reconciler.Workloads. The Job begins at once and ends a while later, well unless FailJobs says
// otherwise.
func (k Kubernetes) RunCronJob(ctx context.Context, cronJob object.Ref, name string) error {
	return do(ctx, k.p, k.c.port(), fmt.Sprintf("job %s of %s in %s", name, cronJob, k.c.name), func() error {
		from, exists := k.c.objects[cronJob.Key()]
		if !exists {
			return fmt.Errorf("%w: %s", failure.ErrNotFound, cronJob)
		}
		key := object.Ref{Group: "batch", Kind: "Job", Namespace: cronJob.Namespace, Name: name}
		if there, exists := k.c.objects[key]; exists {
			if there.object.GetAnnotations()[madeFrom] != string(from.object.GetUID()) {
				return fmt.Errorf("%w: a Job %s exists that was not made from %s", failure.ErrConflict, name, cronJob)
			}
			return nil
		}
		k.p.w.judge.writesTo(k.p.w, k.c)
		job := (&unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job"}})
		template, _, _ := unstructured.NestedMap(from.object.Object, "spec", "jobTemplate")
		maps.Copy(job.Object, template)
		annotations := job.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[madeFrom] = string(from.object.GetUID())
		job.SetAnnotations(annotations)
		job.SetName(name)
		job.SetNamespace(cronJob.Namespace)
		l := k.c.write(Manager, job.Object)
		k.c.begins(l)
		k.p.w.judge.jobs[cronJob.Key()] = key
		return nil
	})
}

// begins starts a Job's Pod, and lets it end.
func (c *cluster) begins(l *live) {
	w := c.w
	started := w.now.UTC().Format(time.RFC3339)
	c.putStatus(l, map[string]any{"startTime": started, "active": int64(1)})
	spec := func(field ...string) (v any) {
		v, _, _ = unstructured.NestedFieldNoCopy(l.object.Object, append([]string{"spec"}, field...)...)
		return v
	}
	deadline, _ := spec("activeDeadlineSeconds").(int64)
	switch nowhere := spec("template", "spec", "nodeSelector"); {
	case nowhere != nil && deadline > 0: // no node has labels here
		w.after(time.Duration(deadline)*time.Second, "job "+l.object.GetName()+" is late", func() {
			c.putStatus(l, map[string]any{"startTime": started, "conditions": []any{failed("DeadlineExceeded")}})
		})
		return
	case nowhere != nil:
		return
	}
	w.after(podStart+time.Duration(w.rng.Int64N(int64(15*time.Second))), "job "+l.object.GetName()+" ends", func() {
		end := map[string]any{"type": "Complete", "status": "True"}
		if w.chance(w.failingJobs) {
			end = failed("BackoffLimitExceeded")
		}
		c.putStatus(l, map[string]any{"startTime": started, "conditions": []any{end}})
	})
}

func failed(reason string) map[string]any {
	return map[string]any{"type": "Failed", "status": "True", "reason": reason, "message": "the Job failed"}
}

func (c *cluster) putStatus(l *live, status map[string]any) {
	o := l.object.DeepCopy()
	o.Object["status"] = status
	c.put(l, o)
}

// FailJobs lets Jobs fail, each with a probability.
func (w *World) FailJobs(p float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failingJobs = p
}

// tested: the newest Job of every test in the new cluster has succeeded.
func (j *judge) tested(w *World) {
	c := w.clusters[w.migration.To.Cluster.String()]
	for _, test := range w.migration.Smoke {
		if test.Job == nil {
			continue
		}
		key, ran := j.jobs[object.Ref{Group: "batch", Kind: "CronJob", Namespace: test.Job.Namespace.String(), Name: test.Job.CronJob}]
		if !ran {
			w.breach("tested", "%s was never run, and traffic moves", test.Name)
			continue
		}
		if !c.succeeded(key) {
			w.breach("tested", "%s of %s has not succeeded, and traffic moves", key, test.Name)
		}
	}
}

func (c *cluster) succeeded(job object.Ref) bool {
	l, ok := c.objects[job]
	if !ok {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(l.object.Object, "status", "conditions")
	for _, condition := range conditions {
		if condition, _ := condition.(map[string]any); condition["type"] == "Complete" {
			return true
		}
	}
	return false
}
