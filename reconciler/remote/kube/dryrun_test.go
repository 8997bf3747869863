package kube_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// global makes an object of the whole cluster that the end of the test deletes.
func (b *bench) global(resource string, o *unstructured.Unstructured) {
	b.Helper()
	r, group, _ := strings.Cut(resource, ".")
	client := b.others.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: r})
	if _, err := client.Create(b.Context(), o, metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := client.Delete(b.background(), o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			b.Error(err)
		}
	})
}

// unscoped reads a YAML document of an object of the whole cluster; NAMESPACE is the test's namespace.
func (b *bench) unscoped(text string) *unstructured.Unstructured {
	b.Helper()
	o := b.objects(text)[0]
	o.SetNamespace("")
	return o
}

func (b *bench) dryRun(objects ...object.Object) []evidence.Rejection {
	b.Helper()
	rejections, err := b.cluster.DryRun(b.Context(), objects)
	if err != nil {
		b.Fatal(err)
	}
	return rejections
}

func TestDryRunRejections(t *testing.T) {
	b := newBench(t)
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sealed}\nimmutable: true\ndata: {a: b}")
	for name, tt := range map[string]struct{ object, reason string }{
		"a field that the kind does not have": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: [{port: 80}]}", ".spec.prots: field not declared in schema"},
		"a value that is not valid": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 70000}]}", "spec.ports[0].port: Invalid value: 70000"},
		"a value of another type": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: many}", "expected numeric"},
		"a kind that was removed": {
			"apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: x}", "does not serve extensions/v1beta1 Ingress"},
		"what cannot change": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sealed}\ndata: {a: c}", "field is immutable"},
		"a name that is none": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_B}", "metadata.name: Invalid value"},
	} {
		t.Run(name, func(t *testing.T) {
			o := b.objects(tt.object)[0]
			got := b.dryRun(o)
			if len(got) != 1 || got[0].Object != object.RefOf(o).String() || !strings.Contains(got[0].Reason, tt.reason) {
				t.Errorf("DryRun = %+v, want one with %q", got, tt.reason)
			}
			// The same where the namespace is yet to be made.
			if strings.Contains(tt.reason, "immutable") {
				return
			}
			o.SetNamespace(b.namespace + "-later")
			got = b.dryRun(o)
			if len(got) != 1 || !strings.Contains(got[0].Reason, tt.reason) {
				t.Errorf("before the namespace: DryRun = %+v, want one with %q", got, tt.reason)
			}
			if inDefault := strings.Contains(got[0].Reason, "(tried in namespace default, because "+b.namespace+"-later does not exist yet)"); inDefault != strings.Contains(tt.reason, "Invalid value") {
				t.Errorf("reason %q", got[0].Reason)
			}
		})
	}
}

func TestDryRunAsksPolicies(t *testing.T) {
	b := newBench(t)
	name := labtest.Unique(t)
	b.global("validatingadmissionpolicies.admissionregistration.k8s.io", b.unscoped(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %s}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [services]}]
  validations: [{expression: "object.spec.type != 'NodePort'", message: "no node ports, says the platform team"}]
`, name)))
	b.global("validatingadmissionpolicybindings.admissionregistration.k8s.io", b.unscoped(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %s}
spec: {policyName: %s, validationActions: [Deny]}
`, name, name)))
	objects := b.objects(`
apiVersion: v1
kind: Service
metadata: {name: inside}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: NodePort, ports: [{port: 80}]}
`)
	b.eventually("the policy counts", func() bool { return len(b.dryRun(objects...)) > 0 })
	got := b.dryRun(objects...)
	if len(got) != 1 || got[0].Object != b.namespace+"/Service/outside" || !strings.Contains(got[0].Reason, "no node ports, says the platform team") {
		t.Errorf("DryRun = %+v", got)
	}
}

func TestDryRunTellsOfWebhooksThatDoNotAnswer(t *testing.T) {
	b := newBench(t)
	name := labtest.Unique(t)
	b.global("validatingwebhookconfigurations.admissionregistration.k8s.io", b.unscoped(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %s}
webhooks:
  - name: away.example.com
    clientConfig: {url: "https://127.0.0.1:1/validate"}
    failurePolicy: Fail
    sideEffects: None
    timeoutSeconds: 5
    admissionReviewVersions: [v1]
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
`, name)))
	o := b.objects("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}")[0]
	b.eventually("the webhook is asked", func() bool { return len(b.dryRun(o)) > 0 })
	if got := b.dryRun(o); len(got) != 1 || !strings.Contains(got[0].Reason, `failed calling webhook "away.example.com"`) {
		t.Errorf("DryRun = %+v", got)
	}
}

func TestDryRunOfManyObjects(t *testing.T) {
	b := newBench(t)
	var objects []object.Object
	for i := range 60 {
		o := b.objects("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}")[0]
		o.SetName(fmt.Sprintf("x-%02d", i))
		if i%20 == 0 {
			o.Object["data"] = map[string]any{"a": int64(7)}
		}
		objects = append(objects, o)
	}
	got := b.dryRun(objects...)
	if len(got) != 3 {
		t.Fatalf("DryRun = %+v, want 3", got)
	}
	for i, r := range got {
		if want := fmt.Sprintf("%s/ConfigMap/x-%02d", b.namespace, 20*i); r.Object != want {
			t.Errorf("rejection %d is of %s, want %s", i, r.Object, want)
		}
	}
	list, err := b.client("configmaps").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Items {
		if strings.HasPrefix(o.GetName(), "x-") {
			t.Errorf("%s was written", o.GetName())
		}
	}
}

func TestDryRunHidesSecrets(t *testing.T) {
	b := newBench(t)
	const value = "hunter2-is-not-base64"
	for _, namespace := range []string{b.namespace, b.namespace + "-later"} {
		o := b.objects("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {password: " + value + "}")[0]
		o.SetNamespace(namespace)
		got := b.dryRun(o)
		if len(got) != 1 || got[0].Reason == "" || strings.Contains(fmt.Sprint(got), value) {
			t.Errorf("DryRun in %s = %d rejections, or one that shows the value or nothing", namespace, len(got))
		}
	}
}

func TestDryRunLeavesOutWhatIsYetToBeDefined(t *testing.T) {
	b := newBench(t)
	crd := b.unscoped(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.dryrun.example.com}
spec:
  group: dryrun.example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`)
	widget := b.objects("apiVersion: dryrun.example.com/v1\nkind: Widget\nmetadata: {name: x}")[0]
	if got := b.dryRun(crd, widget); len(got) > 0 {
		t.Errorf("DryRun = %+v", got)
	}
	if got := b.dryRun(widget); len(got) != 1 {
		t.Errorf("DryRun without the definition = %+v, want a rejection", got)
	}
}

func TestDryRunOfANamespaceThatIsRefused(t *testing.T) {
	b := newBench(t)
	o := b.objects("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}")[0]
	o.SetNamespace("Not_A_Namespace")
	got := b.dryRun(o)
	if len(got) == 0 || got[0].Object != "Namespace/Not_A_Namespace" {
		t.Errorf("DryRun = %+v, want that the namespace is rejected", got)
	}
}

func TestASilentServerIsNoRejection(t *testing.T) {
	b := newBench(t)
	away := newSwitch(t, b.config.Host)
	cluster := open(t, away.config(b.config))
	o := b.objects("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}")[0]
	if got, err := cluster.DryRun(t.Context(), []object.Object{o}); err != nil || len(got) > 0 {
		t.Fatalf("DryRun = %v, %v", got, err)
	}
	away.cut()
	if got, err := cluster.DryRun(t.Context(), []object.Object{o}); !errors.Is(err, failure.ErrTransient) || len(got) > 0 {
		t.Errorf("DryRun = %v, %v, want a temporary error", got, err)
	}
	if _, err := cluster.Survey(t.Context(), nil); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("Survey = %v, want a temporary error", err)
	}
	if _, err := cluster.Pods(t.Context(), b.namespace, nil); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("Pods = %v, want a temporary error", err)
	}
	ref := object.Ref{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: b.namespace, Name: "x"}
	if err := cluster.Restart(t.Context(), ref, "a", "b"); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("Restart = %v, want a temporary error", err)
	}
	if err := cluster.RunCronJob(t.Context(), ref, "x"); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("RunCronJob = %v, want a temporary error", err)
	}
}
