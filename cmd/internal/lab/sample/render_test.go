package sample_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/cmd/internal/lab/sample"
	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/manifest/manifesttest"
	"cutover/reconciler/object"
)

// capabilities are those of the lab's clusters, as far as charts ask for them.
var capabilities = manifest.Capabilities{KubeVersion: "v1.37.2"}

// TestHelm renders every service in every stack, the new one too, and finds the objects of the real helm template.
func TestHelm(t *testing.T) {
	e := read(t)
	expanded, _, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	helm := manifesttest.NewHelm(t)
	stacks := 0
	for _, s := range expanded.Services {
		stacks += len(s.Stacks)
		t.Run(s.Name.String(), func(t *testing.T) {
			t.Parallel()
			for _, st := range s.Stacks {
				helm.Compare(t, input(t, expanded, s, st))
			}
		})
	}
	if want := 2*78 + 9 + 2*74; stacks != want { // dev and qa, stage of nine, prod and prod2
		t.Errorf("%d (service, stack), want %d", stacks, want)
	}
}

// TestCanary holds every service with a canary to what the template deploy-canary needs: an Istio VirtualService, and
// a parameter that says how many routes it has.
func TestCanary(t *testing.T) {
	e := read(t)
	for _, s := range e.Services {
		for _, st := range s.Stacks {
			if !slices.ContainsFunc(st.Pipelines, func(name estate.TemplateName) bool { return name.String() == "deploy-canary" }) {
				continue
			}
			routes := 0
			for _, o := range render(t, e, s, st) {
				if o.GetKind() == "VirtualService" {
					http, _, _ := unstructured.NestedSlice(o.Object, "spec", "http")
					routes = len(http)
				}
			}
			want := "1"
			if n, ok := st.Parameters["canaryRoutes"]; ok {
				want = fmt.Sprint(n)
			}
			if got := fmt.Sprint(routes); got != want {
				t.Errorf("%s %s: %s routes, want %s", s.ServiceID, st.Name, got, want)
			}
		}
	}
}

// TestFits holds what production asks for in either cluster to half of the lab's six nodes, and every node
// selector to the labels that NodeLabels promises.
func TestFits(t *testing.T) {
	e := read(t)
	expanded, _, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prod", "prod2"} {
		product := expanded.Products[0]
		stack, ok := product.Stack(stackName(t, name))
		if !ok {
			t.Fatalf("no stack %s", name)
		}
		total := new(demand)
		selectors := map[string]bool{}
		for _, s := range expanded.InStack(product.Name, stack.Name) {
			st, _ := s.Stack(stack.Name)
			total.add(t, render(t, expanded, s, st), selectors)
		}
		t.Logf("%s: %s", name, total)
		if total.pods > 300 || total.cpu.CmpInt64(6*64/2) > 0 || total.memory.Cmp(resource.MustParse("768Gi")) > 0 {
			t.Errorf("%s asks for %s: too much for six nodes of 64 CPUs and 256Gi", name, total)
		}
		for _, labels := range sample.NodeLabels(stack.Cluster) {
			delete(selectors, fmt.Sprint(labels))
		}
		for selector := range selectors {
			t.Errorf("%s: NodeLabels has no %s", name, selector)
		}
	}
}

func render(t *testing.T, e *estate.Estate, s estate.Service, st estate.ServiceStack) []object.Object {
	t.Helper()
	objects, err := manifest.Render(input(t, e, s, st))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func input(t *testing.T, e *estate.Estate, s estate.Service, st estate.ServiceStack) manifest.Input {
	t.Helper()
	version := sample.Versions()[s.Namespace.String()+"/"+s.Name.String()]
	if version.IsZero() {
		version = estate.Must(estate.ParseVersion("1.0.0")) // a service without prod
	}
	in, err := manifest.NewInput(e, s, st, version, capabilities)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// demand is what Pods ask of a cluster's nodes. CronJobs are left out: they run for a moment.
type demand struct {
	pods        int64
	cpu, memory resource.Quantity
}

func (d *demand) String() string {
	return fmt.Sprintf("%d Pods, %s of CPU, %s of memory", d.pods, d.cpu.String(), d.memory.String())
}

// add adds a service's objects, and notes the node selector of its Pods.
func (d *demand) add(t *testing.T, objects []object.Object, selectors map[string]bool) {
	t.Helper()
	workload, replicas := scale(objects)
	if workload == nil {
		return
	}
	d.pods += replicas
	spec, _, _ := unstructured.NestedMap(workload.Object, "spec", "template", "spec")
	if selector, found, _ := unstructured.NestedStringMap(spec, "nodeSelector"); found {
		selectors[fmt.Sprint(selector)] = true
	}
	for _, field := range []string{"containers", "initContainers"} {
		containers, _, _ := unstructured.NestedSlice(spec, field)
		for _, c := range containers {
			requests, _, _ := unstructured.NestedStringMap(c.(map[string]any), "resources", "requests")
			for name, sum := range map[string]*resource.Quantity{"cpu": &d.cpu, "memory": &d.memory} {
				if text, ok := requests[name]; ok {
					quantity, err := resource.ParseQuantity(text)
					if err != nil {
						t.Fatalf("%s: %s: %v", object.RefOf(workload), name, err)
					}
					quantity.Mul(replicas)
					sum.Add(quantity)
				}
			}
		}
	}
}

// scale returns the workload that keeps Pods running, and how many: the autoscaler's minimum if there is one.
func scale(objects []object.Object) (workload object.Object, replicas int64) {
	autoscaled := int64(0)
	for _, o := range objects {
		switch o.GetKind() {
		case "Deployment", "StatefulSet":
			workload = o
			replicas, _, _ = unstructured.NestedInt64(o.Object, "spec", "replicas")
		case "DaemonSet":
			workload, replicas = o, 6 // one on each of the lab's nodes
		case "HorizontalPodAutoscaler":
			autoscaled, _, _ = unstructured.NestedInt64(o.Object, "spec", "minReplicas")
		}
	}
	return workload, max(replicas, autoscaled)
}
