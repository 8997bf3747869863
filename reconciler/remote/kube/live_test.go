package kube_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: app
        image: registry.example.com/api:1
        env: [{name: COLOR, value: blue}]
        ports: [{containerPort: 8080}, {containerPort: 9090}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: api}
data: {a: "1"}
`

const autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec:
  minReplicas: 1
  maxReplicas: 9
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
`

// patience is how long a change may take to be told: milliseconds on an idle machine, more on a busy one.
const patience = 5 * time.Second

// Edits and a deletion are told at once, found, and put right.
func TestEditsAreSeenAndRepaired(t *testing.T) {
	b := newBench(t)
	git := b.objects(workload)
	b.obey(b.set, b.decide(b.set, git))
	for _, c := range []struct {
		name, want string
		edit       func()
	}{
		{"image, env, replicas and a port", "4 fields differ", func() {
			b.edit("deployments.apps", "api", types.StrategicMergePatchType, `{"spec": {"replicas": 5, "template": {"spec": {"containers": [
				{"name": "app", "image": "registry.example.com/api:2", "env": [{"name": "COLOR", "value": "red"}], "ports": [{"containerPort": 9090, "$patch": "delete"}]}]}}}}`)
		}},
		{"data", "data.a", func() { b.edit("configmaps", "api", types.MergePatchType, `{"data": {"a": "2"}}`) }},
		{"our label", "not yet marked", func() {
			b.edit("configmaps", "api", types.MergePatchType, `{"metadata": {"labels": {"`+object.LabelPartOf+`": null}, "annotations": {"moniker.spinnaker.io/application": "api"}}}`)
		}},
		{"deletion", "missing", func() {
			if err := b.client("configmaps").Delete(t.Context(), "api", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.wantSame(b.set, git)
			c.edit()
			start, deadline := time.Now(), time.After(patience)
			for {
				select {
				case set := <-b.cluster.Changes():
					if set != b.set {
						t.Fatalf("%s changed, want %s", set, b.set)
					}
				case <-deadline:
					t.Fatalf("not seen within %s", patience)
				}
				plan := b.decide(b.set, git)
				if len(plan.Apply) == 0 {
					continue // a status
				}
				if text := report(b.set, plan); !strings.Contains(text, c.want) {
					t.Errorf("got\n%s\nwant %q", text, c.want)
				}
				t.Logf("seen after %s", time.Since(start).Round(time.Millisecond))
				b.obey(b.set, plan)
				b.wantSame(b.set, git)
				return
			}
		})
	}
}

func TestOthersFieldsAreNoDrift(t *testing.T) {
	b := newBench(t)
	git := b.objects(workload)
	b.obey(b.set, b.decide(b.set, git))
	b.edit("deployments.apps", "api", types.StrategicMergePatchType, `{"metadata": {"labels": {"theirs": "x"}, "finalizers": ["example.com/hold"]},
		"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "THEIRS", "value": "x"}]}, {"name": "sidecar", "image": "registry.example.com/proxy:1"}]}}}}`)
	b.wantSame(b.set, git)
	b.edit("deployments.apps", "api", types.MergePatchType, `{"metadata": {"finalizers": null}}`)
}

// When a service gets an autoscaler, its replicas stay what they are while they pass to the autoscaler, also if it
// acts between a decision and the write.
func TestReplicasPassToTheAutoscaler(t *testing.T) {
	b := newBench(t)
	b.obey(b.set, b.decide(b.set, b.objects(workload)))
	green := b.objects(strings.Replace(workload, "blue", "green", 1) + "---" + autoscaler)
	if text := report(b.set, b.decide(b.set, green)); strings.Contains(text, "replicas: 3") {
		t.Errorf("replicas are drift:\n%s", text)
	}
	b.reconcile(b.set, green)
	b.wantSame(b.set, green)
	wantReplicas := func(want int64) {
		t.Helper()
		got, _, err := unstructured.NestedInt64(b.get("deployments.apps", "api").Object, "spec", "replicas")
		if err != nil || got != want {
			t.Errorf("got %d replicas, %v, want %d", got, err, want)
		}
	}
	wantReplicas(3)
	red := b.objects(strings.Replace(workload, "blue", "red", 1) + "---" + autoscaler)
	late := b.decide(b.set, red).Apply[0].Object
	b.edit("deployments.apps", "api", types.MergePatchType, `{"spec": {"replicas": 7}}`) // as the autoscaler would
	if err := b.cluster.Apply(t.Context(), b.set, []object.Object{late}); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("what was decided before the autoscaler acted: got %v, want a conflict", err)
	}
	wantReplicas(7)
	b.eventually("the field is the autoscaler's", func() bool {
		_, ours, _ := unstructured.NestedInt64(b.decide(b.set, red).Apply[0].Object.Object, "spec", "replicas")
		return !ours
	})
	b.wantSame(b.set, green)
	b.obey(b.set, b.decide(b.set, red))
	wantReplicas(7)
}

// Strangers' Secrets are not kept in memory.
func TestLiveOfStrangers(t *testing.T) {
	b := newBench(t)
	b.create("secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: two}\nstringData: {password: theirs}")
	live := b.live(b.set, b.objects(two))
	if len(live.Objects) != 1 || live.Objects[0].Object["data"] != nil {
		t.Errorf("got %v, want the stranger without data", live.Objects)
	}
}

// A kind whose API does not answer hides objects, so nothing may be pruned; other kinds are not affected.
func TestBrokenAPI(t *testing.T) {
	b := newBench(t)
	git := b.objects(workload)
	b.obey(b.set, b.decide(b.set, git))
	group := b.namespace + ".example.com"
	services := b.others.Resource(apiServiceResource)
	nowhere := b.objects(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.NAMESPACE.example.com}
spec:
  group: NAMESPACE.example.com
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {namespace: NAMESPACE, name: nowhere}
`)[0]
	if _, err := services.Create(t.Context(), nowhere, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.Delete(b.background(), "v1."+group, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	b.edit("configmaps", b.set.Parent().Name, types.MergePatchType,
		`{"metadata": {"annotations": {"`+object.AnnotationKinds+`": "ConfigMap,Deployment.apps,Widget.`+group+`"}}}`)
	b.eventually("the list is incomplete", func() bool {
		live := b.live(b.set, git)
		return !live.Complete && strings.Contains(strings.Join(live.Missing, " "), "Widget."+group)
	})
	if plan := b.decide(b.set, git[:1]); len(plan.Prune) != 0 {
		t.Errorf("pruned from an incomplete list:\n%s", report(b.set, plan))
	}
	b.wantSame(b.set, git)
	_, err := b.cluster.Live(t.Context(), b.set, []object.Ref{{Group: group, Version: "v1", Kind: "Widget", Namespace: b.namespace, Name: "w"}})
	if !errors.Is(err, failure.ErrTransient) {
		t.Errorf("a kind that was asked for and does not answer: got %v, want a temporary failure", err)
	}
	caps, err := b.cluster.Capabilities(t.Context())
	if err != nil || !strings.Contains(strings.Join(caps.APIVersions, " "), group+"/v1") {
		t.Errorf("a registered API counts as one that templates may ask for: %v", err)
	}
}

// While the API server is away, nothing is answered from an old cache; when it is back, everything goes on.
func TestServerAwayAndBack(t *testing.T) {
	b := newBench(t)
	git := b.objects(workload)
	b.obey(b.set, b.decide(b.set, git))
	away := newSwitch(t, b.config.Host)
	b.cluster = open(t, away.config(b.config))
	b.wantSame(b.set, git)
	away.cut()
	b.eventually("the outage is told", func() bool {
		_, err := b.cluster.Live(t.Context(), b.set, refs(git))
		return errors.Is(err, failure.ErrTransient)
	})
	if err := b.cluster.Apply(t.Context(), b.set, git); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("apply while the server is away: got %v, want a temporary failure", err)
	}
	b.edit("configmaps", "api", types.MergePatchType, `{"data": {"a": "2"}}`)
	away.mend(t)
	b.eventually("the edit made meanwhile is seen", func() bool {
		_, err := b.cluster.Live(t.Context(), b.set, refs(git))
		return err == nil && len(b.decide(b.set, git).Apply) == 1
	})
}
