package kube_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/drift"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
	"cutover/reconciler/remote/kube"
)

var (
	crdResource        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	namespaceResource  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	apiServiceResource = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
)

// bench is a namespace of a real cluster, our adapter to it, and a client that plays everybody else.
type bench struct {
	testing.TB
	config    *rest.Config
	namespace string
	set       object.Set
	cluster   *kube.Cluster
	others    dynamic.Interface
}

func newBench(t testing.TB) *bench {
	t.Helper()
	lab := labtest.Get(t)
	b := &bench{TB: t, config: lab.REST(t, labtest.New), namespace: lab.NewNamespace(t, labtest.New)}
	b.set = object.Set{Namespace: b.namespace, Name: "api"}
	b.cluster = open(t, b.config)
	var err error
	if b.others, err = dynamic.NewForConfig(b.config); err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, config *rest.Config) *kube.Cluster {
	t.Helper()
	cluster, err := kube.New(kube.Config{REST: config, Manager: "cutover", Log: slog.New(slog.DiscardHandler), Patience: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// clusterScoped are the kinds of the tests' objects that have no namespace.
var clusterScoped = []string{"APIService", "CustomResourceDefinition"}

// objects reads YAML documents into the test's namespace, whose name also stands for NAMESPACE.
func (b *bench) objects(text string) []object.Object {
	b.Helper()
	text = strings.ReplaceAll(text, "NAMESPACE", b.namespace)
	var out []object.Object
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096); ; {
		o := &unstructured.Unstructured{}
		switch err := d.Decode(&o.Object); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			b.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if !slices.Contains(clusterScoped, o.GetKind()) {
			o.SetNamespace(b.namespace)
		}
		out = append(out, o)
	}
}

func refs(objects []object.Object) []object.Ref {
	out := make([]object.Ref, 0, len(objects))
	for _, o := range objects {
		out = append(out, object.RefOf(o))
	}
	return out
}

func (b *bench) live(set object.Set, objects []object.Object) object.Live {
	b.Helper()
	live, err := b.cluster.Live(b.Context(), set, refs(objects))
	if err != nil {
		b.Fatal(err)
	}
	return live
}

func (b *bench) decide(set object.Set, git []object.Object) drift.Plan {
	b.Helper()
	plan, err := drift.Decide(set, git, b.live(set, git), drift.Policy{Manager: "cutover", MaxPrune: 100})
	if err != nil {
		b.Fatal(err)
	}
	return plan
}

// obey carries a plan out.
func (b *bench) obey(set object.Set, plan drift.Plan) {
	b.Helper()
	if err := b.write(set, plan); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(set object.Set, plan drift.Plan) error {
	var objects []object.Object
	for _, d := range plan.Apply {
		objects = append(objects, d.Object)
	}
	if err := b.cluster.Apply(b.Context(), set, objects); err != nil {
		return err
	}
	var extra []object.Ref
	for _, d := range plan.Prune {
		extra = append(extra, d.Ref)
	}
	return b.cluster.Prune(b.Context(), set, extra)
}

// reconcile decides and obeys as the reconciler does: again if a controller was faster.
func (b *bench) reconcile(set object.Set, git []object.Object) {
	b.Helper()
	b.eventually("written without a conflict", func() bool {
		err := b.write(set, b.decide(set, git))
		if err != nil && !errors.Is(err, failure.ErrConflict) {
			b.Fatal(err)
		}
		return err == nil
	})
}

// wantSame fails the test if anything differs from git.
func (b *bench) wantSame(set object.Set, git []object.Object) {
	b.Helper()
	if plan := b.decide(set, git); !plan.Empty() {
		b.Errorf("drift right after applying:\n%s", report(set, plan))
	}
}

func report(set object.Set, plan drift.Plan) string {
	return drift.Report{Cluster: "lab", Sets: []drift.Entry{{Set: set, Plan: plan}}}.Text()
}

func (b *bench) client(resource string) dynamic.ResourceInterface {
	r, group, _ := strings.Cut(resource, ".")
	return b.others.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: r}).Namespace(b.namespace)
}

func (b *bench) get(resource, name string) *unstructured.Unstructured {
	b.Helper()
	o, err := b.client(resource).Get(b.Context(), name, metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return o
}

// edit changes an object as a person does with kubectl edit.
func (b *bench) edit(resource, name string, kind types.PatchType, patch string) {
	b.Helper()
	if _, err := b.client(resource).Patch(b.Context(), name, kind, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		b.Fatal(err)
	}
}

// background is a context for cleaning up, when the test's own has ended.
func (b *bench) background() context.Context { return context.WithoutCancel(b.Context()) }

// create makes an object that is not ours.
func (b *bench) create(resource, text string) *unstructured.Unstructured {
	b.Helper()
	o, err := b.client(resource).Create(b.Context(), b.objects(text)[0], metav1.CreateOptions{FieldManager: "somebody"})
	if err != nil {
		b.Fatal(err)
	}
	return o
}

// eventually waits for a state that the cluster reaches by itself.
func (b *bench) eventually(what string, ok func() bool) {
	b.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("not within 20 s: %s", what)
		}
	}
}
