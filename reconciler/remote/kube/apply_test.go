package kube_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

const two = `
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: "1"}
---
apiVersion: v1
kind: Secret
metadata: {name: two}
stringData: {password: hunter2}
`

// What was applied is what is found: whatever the server sets by default, no kind that the charts render, and none
// that charts of other people often have, differs after it was applied, and applying it again writes nothing.
func TestApplyThenNoDrift(t *testing.T) {
	own, err := os.ReadFile("testdata/kinds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{"kinds": string(own)}
	golden, err := filepath.Glob("../../manifest/testdata/golden/*.txtar")
	if err != nil || len(golden) == 0 {
		t.Fatalf("no rendered charts: %v", err)
	}
	for _, file := range golden {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases[strings.TrimSuffix(filepath.Base(file), ".txtar")] = string(archive.Files[len(archive.Files)-1].Data)
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			git := b.objects(text)
			plan := b.decide(b.set, git)
			b.obey(b.set, plan)
			b.wantSame(b.set, git)
			before := versions(b.live(b.set, git))
			b.obey(b.set, plan)
			if after := versions(b.live(b.set, git)); after != before {
				t.Errorf("applying again wrote something:\n%s\nthen\n%s", before, after)
			}
			b.wantSame(b.set, git)
		})
	}
}

// versions tells when each object was last written by us: controllers write statuses meanwhile, so the resource
// versions tell nothing.
func versions(live object.Live) string {
	var out strings.Builder
	for _, o := range live.Objects {
		out.WriteString(object.RefOf(o).String() + " ")
		for _, f := range o.GetManagedFields() {
			if f.Manager == "cutover" {
				out.WriteString(f.Time.String())
			}
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestApplyIsWrittenOnce(t *testing.T) {
	b := newBench(t)
	git := b.objects(two)
	if err := b.cluster.Apply(t.Context(), b.set, git); err != nil {
		t.Fatal(err)
	}
	before := b.get("configmaps", "one").GetResourceVersion() + b.get("secrets", "two").GetResourceVersion()
	parent := b.get("configmaps", b.set.Parent().Name)
	if err := b.cluster.Apply(t.Context(), b.set, git); err != nil {
		t.Fatal(err)
	}
	if after := b.get("configmaps", "one").GetResourceVersion() + b.get("secrets", "two").GetResourceVersion(); after != before {
		t.Errorf("resource versions %s became %s", before, after)
	}
	if after := b.get("configmaps", parent.GetName()); after.GetResourceVersion() != parent.GetResourceVersion() {
		t.Error("the parent was written again")
	}
}

func TestApplyRefusesStrangers(t *testing.T) {
	b := newBench(t)
	git := b.objects(two)
	plan := b.decide(b.set, git) // decided while there is nothing
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: theirs}")
	err := b.cluster.Apply(t.Context(), b.set, []object.Object{plan.Apply[0].Object})
	if !errors.Is(err, failure.ErrConflict) {
		t.Errorf("an object that appeared meanwhile: got %v, want a conflict", err)
	}
	if o := b.get("configmaps", "one"); o.GetLabels()[object.LabelPartOf] != "" {
		t.Error("the stranger was taken")
	}
	b.eventually("the stranger is refused", func() bool { return len(b.decide(b.set, git).Refused) == 1 })
}

func TestApplyRefusesReplacedObject(t *testing.T) {
	b := newBench(t)
	git := b.objects(two)[:1]
	b.obey(b.set, b.decide(b.set, git))
	b.edit("configmaps", "one", types.MergePatchType, `{"data": {"a": "2"}}`)
	b.eventually("the edit is seen", func() bool { return len(b.decide(b.set, git).Apply) == 1 })
	plan := b.decide(b.set, git)
	if err := b.client("configmaps").Delete(t.Context(), "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.cluster.Apply(t.Context(), b.set, []object.Object{plan.Apply[0].Object}); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("an object that is gone meanwhile: got %v, want a conflict", err)
	}
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: theirs}")
	if err := b.cluster.Apply(t.Context(), b.set, []object.Object{plan.Apply[0].Object}); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("an object that was replaced meanwhile: got %v, want a conflict", err)
	}
}

func TestApplyAdoptsWhatSpinnakerDeployed(t *testing.T) {
	b := newBench(t)
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, annotations: {moniker.spinnaker.io/application: api}}\ndata: {a: '0', b: '0'}")
	git := b.objects(two)[:1]
	plan := b.decide(b.set, git)
	if len(plan.Apply) != 1 || len(plan.Refused) != 0 {
		t.Fatalf("got\n%s", report(b.set, plan))
	}
	b.obey(b.set, plan)
	b.wantSame(b.set, git)
	if data := b.get("configmaps", "one").Object["data"].(map[string]any); data["a"] != "1" || data["b"] != "0" {
		t.Errorf("got %v, want git's a, and b as it was", data)
	}
}

func TestApplyErrors(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name, object string
		namespace    string
		want         error
		text         string
	}{
		{"namespace", two, "there-is-no-such-namespace", failure.ErrNotFound, "let git name it"},
		{"kind", "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: x}", b.namespace, failure.ErrNotFound, "install its CRD"},
		{"invalid", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 99999}]}", b.namespace, failure.ErrRefused, "spec.ports"},
		{"unknown field", "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec: {host: [a]}", b.namespace, failure.ErrRefused, "spec.host"},
		{"secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {password: '%%hunter2'}", b.namespace, failure.ErrRefused, ""},
		{"secret's type", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ntype: kubernetes.io/tls\nstringData: {password: hunter2}", b.namespace, failure.ErrRefused, "data[tls.crt]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := b.objects(c.object)[0]
			o.SetNamespace(c.namespace)
			set := b.set
			set.Namespace = c.namespace
			err := b.cluster.Apply(t.Context(), set, []object.Object{o})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %v with %q and no secret", err, c.want, c.text)
			}
		})
	}
}

// A chart may bring a CRD and an object of its kind.
func TestApplyCRDAndItsObject(t *testing.T) {
	b := newBench(t)
	group := b.namespace + ".example.com"
	git := b.objects(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NAMESPACE.example.com}
spec:
  group: NAMESPACE.example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, default: 3}, color: {type: string}}}}}}
---
apiVersion: NAMESPACE.example.com/v1
kind: Widget
metadata: {name: w}
spec: {color: red}
`)
	t.Cleanup(func() {
		crds := b.others.Resource(crdResource)
		if err := crds.Delete(b.background(), "widgets."+group, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	if err := b.cluster.Apply(t.Context(), b.set, git); err != nil {
		t.Fatal(err)
	}
	b.wantSame(b.set, git)
	caps, err := b.cluster.Capabilities(t.Context())
	if err != nil || !strings.Contains(strings.Join(caps.APIVersions, " "), group+"/v1/Widget") {
		t.Errorf("the new kind is not among the capabilities: %v", err)
	}
	if err := b.others.Resource(crdResource).Delete(t.Context(), "widgets."+group, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.eventually("the kind is gone from the capabilities", func() bool {
		caps, err := b.cluster.Capabilities(t.Context())
		return err == nil && !strings.Contains(strings.Join(caps.APIVersions, " "), group+"/v1/Widget")
	})
	if live := b.live(b.set, git[1:]); len(live.Objects) != 0 || !live.Complete {
		t.Errorf("a kind that is gone has no objects and hides none: %v", live)
	}
}

func TestEnsureNamespace(t *testing.T) {
	b := newBench(t)
	name := b.namespace + "-more"
	for range 2 {
		if err := b.cluster.EnsureNamespace(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	namespaces := b.others.Resource(namespaceResource)
	t.Cleanup(func() {
		if err := namespaces.Delete(b.background(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	if o, err := namespaces.Get(t.Context(), name, metav1.GetOptions{}); err != nil || o.GetLabels()["app.kubernetes.io/managed-by"] != "cutover" {
		t.Errorf("got %v, %v", o, err)
	}
}
