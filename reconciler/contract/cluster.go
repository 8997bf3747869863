package contract

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// SurveyedCluster is a cluster as the reconciler surveys it and looks after its Pods: the ports Surveyor and Workloads.
type SurveyedCluster interface {
	Version(ctx context.Context) (string, error)
	Survey(ctx context.Context, releases []estate.Release) (evidence.Survey, error)
	DryRun(ctx context.Context, objects []object.Object) ([]evidence.Rejection, error)
	Pods(ctx context.Context, namespace string, selector map[string]string) ([]object.Pod, error)
	Restart(ctx context.Context, workload object.Ref, annotation, value string) error
	SecretKey(ctx context.Context, secret object.Ref, key string, candidates []string) (int, error)
	RunCronJob(ctx context.Context, cronJob object.Ref, name string) error
}

// ClusterBench is a cluster and what a test does to it as somebody else.
type ClusterBench struct {
	Cluster SurveyedCluster
	// Namespace is the test's own; it exists and is empty.
	Namespace string
	// Create makes an object, by server-side apply or as it likes.
	Create func(o object.Object)
	// Get is an object as the cluster has it, or nil.
	Get func(ref object.Ref) object.Object
	// Delete deletes an object.
	Delete func(ref object.Ref)
	// Eventually waits until ok, in the cluster's own time, and fails the test if that takes too long.
	Eventually func(what string, ok func() bool)
}

// Cluster holds an implementation to the contract of the ports Surveyor and Workloads. Each call of open must give a
// namespace of its own, in a cluster that has nodes and brings Pods to life.
func Cluster(t *testing.T, open func(t *testing.T) ClusterBench) {
	for name, check := range map[string]func(ClusterBench, *testing.T){
		"a cluster has a version and nodes":                 ClusterBench.survey,
		"a release that is not there is not healthy":        ClusterBench.noRelease,
		"a release is as healthy as its workloads":          ClusterBench.release,
		"an object that is fine is taken and not written":   ClusterBench.dryRunTakes,
		"a version that is not served is rejected":          ClusterBench.dryRunRejects,
		"a namespace that is yet to be made is no obstacle": ClusterBench.dryRunBeforeNamespace,
		"Pods are listed by their labels until they end":    ClusterBench.pods,
		"a restart is made once for each value":             ClusterBench.restart,
		"what does not exist is not restarted":              ClusterBench.restartMissing,
	} {
		t.Run(name, func(t *testing.T) { check(open(t), t) })
	}
	SecretKeys(t, open)
	Jobs(t, open)
}

// object reads one YAML document into the bench's namespace.
func (b ClusterBench) object(t *testing.T, text string) object.Object {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	o.SetNamespace(b.Namespace)
	return o
}

func (b ClusterBench) deployment(t *testing.T) object.Object {
	t.Helper()
	return b.object(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app.kubernetes.io/instance: mesh}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {kept: "yes"}}
    spec: {containers: [{name: web, image: "registry.example.com/web:1"}]}
`)
}

func (b ClusterBench) mesh() estate.Release {
	return estate.Release{Namespace: estate.Must(estate.ParseNamespaceName(b.Namespace)), Name: "mesh"}
}

func (b ClusterBench) survey(t *testing.T) {
	version, err := b.Cluster.Version(t.Context())
	if err != nil || !strings.HasPrefix(version, "v1.") {
		t.Errorf("Version = %q, %v", version, err)
	}
	s, err := b.Cluster.Survey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.NewVersion != version || s.Nodes < 1 || s.NodesReady < 1 || s.NodesReady > s.Nodes || len(s.Releases) > 0 {
		t.Errorf("Survey = %+v", s)
	}
	if s.Free.MilliCPU <= 0 || s.Free.Memory <= 0 || s.Free.Pods <= 0 {
		t.Errorf("free = %+v", s.Free)
	}
}

func (b ClusterBench) wantRelease(t *testing.T, healthy bool, reason string) {
	t.Helper()
	s, err := b.Cluster.Survey(t.Context(), []estate.Release{b.mesh()})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Releases) != 1 || s.Releases[0].Release != b.mesh() || s.Releases[0].Healthy != healthy ||
		healthy != (s.Releases[0].Reason == "") || !strings.Contains(s.Releases[0].Reason, reason) {
		t.Errorf("releases = %+v, want healthy = %t, reason with %q", s.Releases, healthy, reason)
	}
}

func (b ClusterBench) noRelease(t *testing.T) { b.wantRelease(t, false, "mesh") }

func (b ClusterBench) release(t *testing.T) {
	b.Create(b.deployment(t))
	b.Eventually("the release is healthy", func() bool {
		s, err := b.Cluster.Survey(t.Context(), []estate.Release{b.mesh()})
		return err == nil && len(s.Releases) == 1 && s.Releases[0].Healthy
	})
	b.wantRelease(t, true, "")
}

func (b ClusterBench) dryRunTakes(t *testing.T) {
	d := b.deployment(t)
	before := d.DeepCopy()
	for range 2 {
		rejections, err := b.Cluster.DryRun(t.Context(), []object.Object{d})
		if err != nil || len(rejections) > 0 {
			t.Errorf("DryRun = %v, %v", rejections, err)
		}
	}
	if diff := cmp.Diff(before.Object, d.Object); diff != "" {
		t.Errorf("the caller's object changed:\n%s", diff)
	}
	if b.Get(object.RefOf(d)) != nil {
		t.Error("it was written")
	}
	if rejections, err := b.Cluster.DryRun(t.Context(), nil); err != nil || len(rejections) > 0 {
		t.Errorf("DryRun of nothing = %v, %v", rejections, err)
	}
}

func (b ClusterBench) dryRunRejects(t *testing.T) {
	removed := b.object(t, "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 1, selector: {matchLabels: {app: web}}}")
	got, err := b.Cluster.DryRun(t.Context(), []object.Object{b.deployment(t), removed})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Object != object.RefOf(removed).String() || !strings.Contains(got[0].Reason, "policy/v1beta1") {
		t.Errorf("DryRun = %+v, want that policy/v1beta1 is not served", got)
	}
}

func (b ClusterBench) dryRunBeforeNamespace(t *testing.T) {
	d := b.deployment(t)
	d.SetNamespace("yet-to-be-made")
	got, err := b.Cluster.DryRun(t.Context(), []object.Object{d})
	if err != nil || len(got) > 0 {
		t.Errorf("DryRun = %v, %v", got, err)
	}
}

func (b ClusterBench) pods(t *testing.T) {
	selector := map[string]string{"app": "web"}
	list := func() []object.Pod {
		t.Helper()
		pods, err := b.Cluster.Pods(t.Context(), b.Namespace, selector)
		if err != nil {
			t.Fatal(err)
		}
		return pods
	}
	if pods := list(); len(pods) > 0 {
		t.Errorf("Pods of nothing = %v", pods)
	}
	d := b.deployment(t)
	b.Create(d)
	b.Eventually("two Pods are ready", func() bool {
		pods := list()
		return len(pods) == 2 && pods[0].Ready && pods[1].Ready
	})
	pods := list()
	if pods[0].Name >= pods[1].Name || pods[0].Terminating || !pods[0].Scheduled || pods[0].Annotations["kept"] != "yes" {
		t.Errorf("Pods = %+v", pods)
	}
	others, err := b.Cluster.Pods(t.Context(), b.Namespace, map[string]string{"app": "web", "match": "old"})
	if err != nil || len(others) > 0 {
		t.Errorf("Pods of another selector = %v, %v", others, err)
	}
	b.Delete(object.RefOf(d))
	b.Eventually("no Pod is left", func() bool { return len(list()) == 0 })
}

func (b ClusterBench) restart(t *testing.T) {
	d := b.deployment(t)
	b.Create(d)
	ref := object.RefOf(d)
	annotations := func() map[string]string {
		t.Helper()
		set, _, err := unstructured.NestedStringMap(b.Get(ref).Object, "spec", "template", "metadata", "annotations")
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	restart := func(annotation, value string) {
		t.Helper()
		if err := b.Cluster.Restart(t.Context(), ref, annotation, value); err != nil {
			t.Fatal(err)
		}
	}
	restart("cutover/address", "one")
	generation := b.Get(ref).GetGeneration()
	restart("cutover/address", "one")
	if again := b.Get(ref).GetGeneration(); again != generation {
		t.Errorf("generation %d became %d though nothing was to do", generation, again)
	}
	restart("cutover/secret", "x")
	restart("cutover/address", "two")
	if diff := cmp.Diff(map[string]string{"kept": "yes", "cutover/address": "two", "cutover/secret": "x"}, annotations()); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	b.Eventually("the Pods are new", func() bool {
		pods, err := b.Cluster.Pods(t.Context(), b.Namespace, map[string]string{"app": "web"})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pods {
			if !p.Ready || p.Terminating || p.Annotations["cutover/address"] != "two" {
				return false
			}
		}
		return len(pods) == 2
	})
}

func (b ClusterBench) restartMissing(t *testing.T) {
	wantError(t, b.Cluster.Restart(t.Context(), object.RefOf(b.deployment(t)), "cutover/address", "one"), failure.ErrNotFound)
	if b.Get(object.RefOf(b.deployment(t))) != nil {
		t.Error("it was made")
	}
}
