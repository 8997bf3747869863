package contract

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// Jobs holds an implementation to what the port Workloads says of RunCronJob, and to how the Jobs that it makes tell of
// themselves. Jobs of the bench's cluster end by themselves.
func Jobs(t *testing.T, open func(t *testing.T) ClusterBench) {
	for name, check := range map[string]func(ClusterBench, *testing.T){
		"a CronJob is run once for each name":                 ClusterBench.runCronJob,
		"a CronJob that does not exist is not run":            ClusterBench.runMissing,
		"somebody else's Job is a conflict":                   ClusterBench.runForeign,
		"a Job that has begun does not say that it has ended": ClusterBench.jobRuns,
		"a Job that fails says so":                            ClusterBench.jobFails,
	} {
		t.Run(name, func(t *testing.T) { check(open(t), t) })
	}
}

func (b ClusterBench) cronJob(t *testing.T) object.Object {
	t.Helper()
	return b.object(t, `
apiVersion: batch/v1
kind: CronJob
metadata: {name: smoke}
spec:
  schedule: "0 0 31 2 *"
  suspend: true
  jobTemplate:
    metadata: {labels: {smoke: devices}, annotations: {owner: ada}}
    spec: {template: {metadata: {labels: {smoke: devices}}, spec: {restartPolicy: Never, containers: [{name: smoke, image: "registry.example.com/smoke:1"}]}}}
`)
}

func (b ClusterBench) job(name string) object.Ref {
	return object.Ref{Group: "batch", Version: "v1", Kind: "Job", Namespace: b.Namespace, Name: name}
}

// ended is the condition by which a Job says how it ended, Complete or Failed; "" while it has not.
func (b ClusterBench) ended(job string) string {
	o := b.Get(b.job(job))
	if o == nil {
		return ""
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		c, _ := c.(map[string]any)
		if kind, _ := c["type"].(string); c["status"] == "True" && (kind == "Complete" || kind == "Failed") {
			return kind
		}
	}
	return ""
}

func (b ClusterBench) runCronJob(t *testing.T) {
	c := b.cronJob(t)
	b.Create(c)
	for range 2 {
		if err := b.Cluster.RunCronJob(t.Context(), object.RefOf(c), "smoke-1"); err != nil {
			t.Fatal(err)
		}
	}
	first := b.Get(b.job("smoke-1"))
	if first == nil || first.GetLabels()["smoke"] != "devices" || first.GetAnnotations()["owner"] != "ada" {
		t.Fatalf("Job = %v", first)
	}
	if err := b.Cluster.RunCronJob(t.Context(), object.RefOf(c), "smoke-2"); err != nil {
		t.Fatal(err)
	}
	b.Eventually("both Jobs are done", func() bool { return b.ended("smoke-1") == "Complete" && b.ended("smoke-2") == "Complete" })
	if again := b.Get(b.job("smoke-1")); again.GetUID() != first.GetUID() {
		t.Error("the Job was made a second time")
	}
	pods, err := b.Cluster.Pods(t.Context(), b.Namespace, map[string]string{"smoke": "devices"})
	if err != nil || len(pods) > 0 {
		t.Errorf("Pods that have ended = %v, %v, want none", pods, err)
	}
}

func (b ClusterBench) runMissing(t *testing.T) {
	wantError(t, b.Cluster.RunCronJob(t.Context(), object.RefOf(b.cronJob(t)), "smoke-1"), failure.ErrNotFound)
}

func (b ClusterBench) runForeign(t *testing.T) {
	c := b.cronJob(t)
	b.Create(c)
	b.Create(b.object(t, `
apiVersion: batch/v1
kind: Job
metadata: {name: smoke-1}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: other, image: "registry.example.com/other:1"}]}}}
`))
	wantError(t, b.Cluster.RunCronJob(t.Context(), object.RefOf(c), "smoke-1"), failure.ErrConflict)
}

// endless is a CronJob whose Jobs' Pods find no node.
func (b ClusterBench) endless(t *testing.T, deadline int64) object.Object {
	t.Helper()
	c := b.cronJob(t)
	template := []string{"spec", "jobTemplate", "spec"}
	if err := unstructured.SetNestedField(c.Object, map[string]any{"nowhere": "yes"}, append(template, "template", "spec", "nodeSelector")...); err != nil {
		t.Fatal(err)
	}
	if deadline > 0 {
		if err := unstructured.SetNestedField(c.Object, deadline, append(template, "activeDeadlineSeconds")...); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (b ClusterBench) jobRuns(t *testing.T) {
	c := b.endless(t, 0)
	b.Create(c)
	if err := b.Cluster.RunCronJob(t.Context(), object.RefOf(c), "smoke-1"); err != nil {
		t.Fatal(err)
	}
	b.Eventually("the Job has begun", func() bool {
		_, begun, _ := unstructured.NestedString(b.Get(b.job("smoke-1")).Object, "status", "startTime")
		return begun
	})
	if how := b.ended("smoke-1"); how != "" {
		t.Errorf("a Job whose Pod waits for a node says %s", how)
	}
}

func (b ClusterBench) jobFails(t *testing.T) {
	c := b.endless(t, 1)
	b.Create(c)
	if err := b.Cluster.RunCronJob(t.Context(), object.RefOf(c), "smoke-1"); err != nil {
		t.Fatal(err)
	}
	b.Eventually("the Job has failed", func() bool { return b.ended("smoke-1") == "Failed" })
}
