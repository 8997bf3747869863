package kube_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
)

var nodeResource = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}

func (b *bench) survey(releases ...estate.Release) evidence.Survey {
	b.Helper()
	s, err := b.cluster.Survey(b.Context(), releases)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// TestSurveyCountsWhatIsFree adds a node that is larger than all others together, so that what other tests do at the
// same time does not show in millions of cores.
func TestSurveyCountsWhatIsFree(t *testing.T) {
	b := newBench(t)
	name := labtest.Unique(t)
	before := b.survey()
	node := b.unscoped(`
apiVersion: v1
kind: Node
metadata: {name: ` + name + `}
spec: {taints: [{key: example.com/giants-only, effect: NoSchedule}]}
status:
  allocatable: {cpu: "10000000", memory: 10000Ti, pods: "1000000"}
  capacity: {cpu: "10000000", memory: 10000Ti, pods: "1000000"}
`)
	b.global("nodes", node)
	b.eventually("the node is ready", func() bool {
		nodes := b.others.Resource(nodeResource)
		o, err := nodes.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		return len(conditions) > 0
	})
	if s := b.survey(); s.Nodes != before.Nodes || s.NodesReady != before.NodesReady || free(s) != free(before) {
		t.Errorf("a node with a taint counts: %+v, before %+v", s, before)
	}
	// A taint that only advises keeps other tests' Pods away.
	b.patchNode(name, `{"spec":{"taints":[{"key":"example.com/giants-first","effect":"PreferNoSchedule"}],"unschedulable":true}}`)
	if s := b.survey(); s.Nodes != before.Nodes || free(s) != free(before) {
		t.Errorf("a cordoned node counts: %+v, before %+v", s, before)
	}
	b.patchNode(name, `{"spec":{"unschedulable":false}}`)
	b.eventually("the node counts", func() bool {
		s := b.survey()
		return s.Nodes == before.Nodes+1 && s.NodesReady == before.NodesReady+1 && free(s) == "10 million cores, 10000 TiB, 1 million Pods"
	})
	// An init container asks for more than the others together; a Pod that has ended asks for nothing.
	pod := strings.NewReplacer("NODE", name).Replace(`
apiVersion: v1
kind: Pod
metadata: {name: giant}
spec:
  nodeName: NODE
  initContainers: [{name: a, image: "registry.example.com/a:1", resources: {requests: {cpu: "4000000", memory: 1Ti}}}]
  containers:
    - {name: b, image: "registry.example.com/b:1", resources: {requests: {cpu: "1000000", memory: 2000Ti}}}
    - {name: c, image: "registry.example.com/c:1", resources: {requests: {cpu: "2000000", memory: 3000Ti}}}
`)
	b.create("pods", pod)
	b.eventually("the Pod counts", func() bool { return free(b.survey()) == "6 million cores, 5000 TiB, 1 million Pods" })
	b.eventually("it counts until it has ended", func() bool {
		// Again and again: kwok may say at the same time that it runs.
		if _, err := b.client("pods").Patch(t.Context(), "giant", types.MergePatchType, []byte(`{"status":{"phase":"Succeeded"}}`), metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
		return free(b.survey()) == "10 million cores, 10000 TiB, 1 million Pods"
	})
}

// free rounds what is free, so that the lab's own nodes and Pods do not show.
func free(s evidence.Survey) string {
	cores, memory, pods := float64(s.Free.MilliCPU)/1e9, float64(s.Free.Memory)/(1<<40), float64(s.Free.Pods)/1e6
	return fmt.Sprintf("%.0f million cores, %.0f TiB, %.0f million Pods", math.Round(cores), math.Round(memory/100)*100, math.Round(pods))
}

func (b *bench) patchNode(name, patch string) {
	b.Helper()
	if _, err := b.others.Resource(nodeResource).Patch(b.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		b.Fatal(err)
	}
}

// record is what Helm keeps of a release's revision, without what is in it.
func (b *bench) record(revision, status string) {
	b.Helper()
	b.create("secrets", `
apiVersion: v1
kind: Secret
type: helm.sh/release.v1
metadata: {name: sh.helm.release.v1.mesh.v`+revision+`, labels: {owner: helm, name: mesh, status: `+status+`, version: "`+revision+`"}}
`)
}

func TestReleases(t *testing.T) {
	const pending = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: never, LABEL}
spec:
  serviceName: never
  selector: {matchLabels: {app: never}}
  template: {metadata: {labels: {app: never}}, spec: {nodeSelector: {no: such-node}, containers: [{name: a, image: "registry.example.com/a:1"}]}}
`
	for name, tt := range map[string]struct {
		prepare func(*bench)
		reason  string // "" if it is healthy
	}{
		"a release without workloads, such as one of definitions": {func(b *bench) { b.record("1", "superseded"); b.record("2", "deployed") }, ""},
		"the tenth revision is newer than the ninth":              {func(b *bench) { b.record("9", "failed"); b.record("10", "deployed") }, ""},
		"an upgrade that failed":                                  {func(b *bench) { b.record("1", "deployed"); b.record("2", "failed") }, "Helm's newest revision, 2, is failed"},
		"an upgrade that hangs":                                   {func(b *bench) { b.record("1", "pending-install") }, "revision, 1, is pending-install"},
		"a workload that is not ready, by its label": {func(b *bench) {
			b.record("1", "deployed")
			b.create("statefulsets.apps", strings.Replace(pending, "LABEL", "labels: {app.kubernetes.io/instance: mesh}", 1))
		}, "StatefulSet.apps/never"},
		"a workload that is not ready, by its annotation": {func(b *bench) {
			b.create("statefulsets.apps", strings.Replace(pending, "LABEL", `annotations: {meta.helm.sh/release-name: mesh, meta.helm.sh/release-namespace: NAMESPACE}`, 1))
		}, "StatefulSet.apps/never"},
		"a workload of another release": {func(b *bench) {
			b.record("1", "deployed")
			b.create("statefulsets.apps", strings.Replace(pending, "LABEL", `labels: {app.kubernetes.io/instance: mesh}, annotations: {meta.helm.sh/release-name: other}`, 1))
		}, ""},
		"a record that is not Helm's": {func(b *bench) {
			b.create("secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {owner: helm, name: mesh, status: deployed, version: first}}")
		}, "has no Helm release mesh"},
		"a record of another release": {func(b *bench) {
			b.create("secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {owner: helm, name: mesh2, status: deployed, version: '1'}}")
		}, "has no Helm release mesh"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tt.prepare(b)
			release := estate.Release{Namespace: estate.Must(estate.ParseNamespaceName(b.namespace)), Name: "mesh"}
			r := b.survey(release).Releases[0]
			if r.Healthy != (tt.reason == "") || (r.Reason == "") != r.Healthy || !strings.Contains(r.Reason, tt.reason) || r.Release != release {
				t.Errorf("release = %+v, want %q", r, tt.reason)
			}
		})
	}
}

func TestReleaseInANamespaceThatIsNotThere(t *testing.T) {
	b := newBench(t)
	r := b.survey(estate.Release{Namespace: estate.Must(estate.ParseNamespaceName("nowhere")), Name: "mesh"}).Releases[0]
	if r.Healthy || !strings.Contains(r.Reason, "namespace nowhere has no Helm release mesh") {
		t.Errorf("release = %+v", r)
	}
}
