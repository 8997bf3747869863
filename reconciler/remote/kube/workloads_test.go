package kube_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: batch}, finalizers: FINALIZERS}
spec: {nodeSelector: {no: such-node}, containers: [{name: a, image: "registry.example.com/a:1"}]}
`

// TestPodsAreListedUntilTheyAreGone shows the Pods that an exclusive service waits for: terminating ones are there.
func TestPodsAreListedUntilTheyAreGone(t *testing.T) {
	b := newBench(t)
	create := func(name, finalizers string) {
		b.create("pods", strings.NewReplacer("NAME", name, "FINALIZERS", finalizers).Replace(pod))
	}
	phase := func(name, phase string) {
		if _, err := b.client("pods").Patch(t.Context(), name, types.MergePatchType, []byte(`{"status":{"phase":"`+phase+`"}}`), metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
	list := func() string {
		t.Helper()
		pods, err := b.cluster.Pods(t.Context(), b.namespace, map[string]string{"app": "batch"})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range pods {
			out = append(out, fmt.Sprintf("%s ready=%t terminating=%t", p.Name, p.Ready, p.Terminating))
		}
		return strings.Join(out, "\n")
	}
	want := func(lines ...string) {
		t.Helper()
		if diff := cmp.Diff(strings.Join(lines, "\n"), list()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	create("b-stays", "[]")
	create("a-held", "[example.com/held]")
	create("c-done", "[]")
	create("d-evicted", "[]")
	phase("c-done", "Succeeded")
	phase("d-evicted", "Failed")
	want("a-held ready=false terminating=false", "b-stays ready=false terminating=false")
	now := int64(0)
	if err := b.client("pods").Delete(t.Context(), "a-held", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	want("a-held ready=false terminating=true", "b-stays ready=false terminating=false")
	b.edit("pods", "a-held", types.MergePatchType, `{"metadata":{"finalizers":null}}`)
	b.eventually("the Pod is gone", func() bool { return !strings.Contains(list(), "a-held") })
}

func TestPodsOfManyPages(t *testing.T) {
	b := newBench(t)
	const n = 503 // more than one page
	b.create("deployments.apps", fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {nodeSelector: {no: such-node}, containers: [{name: web, image: "registry.example.com/web:1"}]}}
`, n))
	var pods []object.Pod
	for len(pods) < n { // eventually waits 20 s at most, and the controller makes them at its own pace
		before := len(pods)
		b.eventually("there are more Pods", func() bool {
			var err error
			if pods, err = b.cluster.Pods(t.Context(), b.namespace, map[string]string{"app": "web"}); err != nil {
				t.Fatal(err)
			}
			return len(pods) >= min(n, before+200)
		})
	}
	seen := map[string]bool{}
	for _, p := range pods {
		seen[p.Name] = true
	}
	if len(pods) != n || len(seen) != n {
		t.Errorf("%d Pods of %d names, want %d", len(pods), len(seen), n)
	}
}

func TestRestartStaysWhenTheRestIsApplied(t *testing.T) {
	b := newBench(t)
	git := b.objects(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}, annotations: {ours: "1"}}
    spec: {containers: [{name: api, image: "registry.example.com/api:1"}]}
`)
	b.reconcile(b.set, git)
	ref := object.RefOf(git[0])
	if err := b.cluster.Restart(t.Context(), ref, "cutover/secret", "a1"); err != nil {
		t.Fatal(err)
	}
	b.wantSame(b.set, git)
	container := git[0].Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	container["image"] = "registry.example.com/api:2"
	b.reconcile(b.set, git)
	template := b.get("deployments.apps", "api").Object["spec"].(map[string]any)["template"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"ours": "1", "cutover/secret": "a1"}, template["metadata"].(map[string]any)["annotations"]); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	// Somebody takes the annotation for their own, with another value: a restart takes it back.
	b.edit("deployments.apps", "api", types.MergePatchType, `{"spec":{"template":{"metadata":{"annotations":{"cutover/secret":"theirs"}}}}}`)
	if err := b.cluster.Restart(t.Context(), ref, "cutover/secret", "a1"); err != nil {
		t.Fatal(err)
	}
	b.wantSame(b.set, git)
}

func TestRestartOfWhatHasNoPods(t *testing.T) {
	b := newBench(t)
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}")
	ref := object.Ref{Version: "v1", Kind: "ConfigMap", Namespace: b.namespace, Name: "x"}
	if err := b.cluster.Restart(t.Context(), ref, "a", "b"); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("error = %v, want a refusal", err)
	}
	ref.Kind = "Nonsense"
	if err := b.cluster.Restart(t.Context(), ref, "a", "b"); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("error = %v, want that it is not found", err)
	}
}

func TestAJobOfAnotherCronJobIsAConflict(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"one", "two"} {
		b.create("cronjobs.batch", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: `+name+`}
spec:
  schedule: "0 0 31 2 *"
  suspend: true
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "registry.example.com/a:1"}]}}}}
`)
	}
	run := func(cronJob, job string) error {
		return b.cluster.RunCronJob(t.Context(), object.Ref{Group: "batch", Version: "v1", Kind: "CronJob", Namespace: b.namespace, Name: cronJob}, job)
	}
	if err := run("one", "smoke"); err != nil {
		t.Fatal(err)
	}
	if err := run("two", "smoke"); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("error = %v, want a conflict", err)
	}
	if err := run("one", "Not_A_Name"); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("error = %v, want a refusal", err)
	}
	job := b.get("jobs.batch", "smoke")
	owner := metav1.GetControllerOf(job)
	if owner == nil || owner.Kind != "CronJob" || owner.Name != "one" || job.GetAnnotations()["cronjob.kubernetes.io/instantiate"] != "manual" {
		t.Errorf("Job = %v", job.Object["metadata"])
	}
}
