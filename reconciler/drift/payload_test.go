package drift_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/reconciler/drift"
	"cutover/reconciler/object"
)

const scaled = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: core}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers: [{name: app, image: "img:2"}]
`

const autoscaler = `
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api, namespace: core}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}}
`

// What is applied leaves alone what others hold, and does not let go of what only we hold.
func TestWhatIsApplied(t *testing.T) {
	const image = "\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: core}\nspec: {template: {spec: {containers: [{name: app, image: 'img:1'}]}}}\n"
	const five = "\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: core}\nspec: {replicas: 5}\n"
	held := []drift.Rule{{Kind: "Deployment", Paths: []string{"/spec/replicas"}}}
	for _, c := range []struct {
		name    string
		git     string
		edits   []string
		held    []drift.Rule
		want    any    // replicas
		version string // that may be written to; "" is any
	}{
		{"nobody holds it", scaled, []string{image, five}, nil, int64(3), ""},
		{"a step holds it, and somebody changed it", scaled, []string{image, five}, held, nil, ""},
		{"a step holds it, and only we have set it", scaled, []string{image}, held, int64(3), "7"},
		{"an autoscaler has set it", scaled + autoscaler, []string{image, five}, nil, nil, ""},
		{"an autoscaler has not set it yet", scaled + autoscaler, []string{image}, nil, int64(3), "7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			git := objects(t, []byte(c.git))
			live := &store{t: t}
			live.apply(git)
			for _, edit := range c.edits {
				live.patch("kubectl-edit", objects(t, []byte(edit)))
			}
			p := policy
			p.Held = c.held
			plan, err := drift.Decide(set, git, object.Live{Objects: live.objects, Complete: true}, p)
			if err != nil || len(plan.Apply) != 1 {
				t.Fatalf("got %v, %v", plan, err)
			}
			got := plan.Apply[0].Object
			if diff := cmp.Diff(c.want, got.Object["spec"].(map[string]any)["replicas"]); diff != "" {
				t.Errorf("replicas (-want +got): %s", diff)
			}
			if got.GetResourceVersion() != c.version {
				t.Errorf("to be written to version %q, want %q", got.GetResourceVersion(), c.version)
			}
			if got.GetUID() != "uid-of-api" || got.GetLabels()[object.LabelPartOf] != set.ID() || got.GetManagedFields() != nil {
				t.Errorf("not a member, or not for the object that was decided on: %v", got.Object["metadata"])
			}
		})
	}
}

// An autoscaler's target is made without replicas.
func TestMissingTargetHasNoReplicas(t *testing.T) {
	plan, err := drift.Decide(set, objects(t, []byte(scaled+autoscaler)), object.Live{Complete: true}, policy)
	if err != nil || len(plan.Apply) != 2 {
		t.Fatalf("got %v, %v", plan, err)
	}
	if replicas, ok := plan.Apply[0].Object.Object["spec"].(map[string]any)["replicas"]; ok {
		t.Errorf("got %v replicas", replicas)
	}
}

func TestIncompleteListPrunesNothing(t *testing.T) {
	git := objects(t, []byte(scaled+autoscaler))
	live := &store{t: t}
	live.apply(git)
	plan, err := drift.Decide(set, git[:1], object.Live{Objects: live.objects}, policy)
	if err != nil || len(plan.Prune) != 0 {
		t.Errorf("got %v, %v", plan.Prune, err)
	}
}

// The answer does not depend on the order of what is live, and nothing that was given is changed.
func TestDecideIsAFunction(t *testing.T) {
	git := objects(t, []byte(scaled+autoscaler))
	live := &store{t: t}
	live.apply(append(git, objects(t, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: core}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: core}\n"))...))
	kept := []object.Object{git[0].DeepCopy(), live.objects[0].DeepCopy()}
	decide := func() string {
		plan, err := drift.Decide(set, git, object.Live{Objects: live.objects, Complete: true}, policy)
		if err != nil {
			t.Fatal(err)
		}
		return drift.Report{Sets: []drift.Entry{{Set: set, Plan: plan}}}.Text()
	}
	first := decide()
	for i, j := 0, len(live.objects)-1; i < j; i, j = i+1, j-1 {
		live.objects[i], live.objects[j] = live.objects[j], live.objects[i]
	}
	if diff := cmp.Diff(first, decide()); diff != "" {
		t.Errorf("another order gives another answer: %s", diff)
	}
	if diff := cmp.Diff(kept[0], git[0]) + cmp.Diff(kept[1], live.objects[len(live.objects)-1]); diff != "" {
		t.Errorf("an argument was changed: %s", diff)
	}
}

func TestRuleValidate(t *testing.T) {
	for _, r := range []drift.Rule{{Name: "a["}, {Paths: []string{"spec.replicas"}}, {Paths: []string{"/"}}} {
		if r.Validate() == nil {
			t.Errorf("%v was accepted", r)
		}
	}
	if err := (drift.Rule{Group: "*.istio.io", Paths: []string{"/spec/http/*/route"}}).Validate(); err != nil {
		t.Error(err)
	}
}
