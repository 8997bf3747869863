package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/cmd/internal/lab/spinnaker"
)

// world is all that the daemon may write to. Two that are equal show that it wrote nothing meanwhile.
type world struct {
	Head    string // of the migration's branch
	Gate    spinnaker.Stats
	Objects map[string]string // of the new cluster, by resource, namespace and name
}

// The resources of what the charts render.
var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	disruptions = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}

	resources = []schema.GroupVersionResource{
		deployments, services, configMaps, disruptions,
		{Group: "apps", Version: "v1", Resource: "statefulsets"},
		{Group: "batch", Version: "v1", Resource: "cronjobs"},
		{Group: "networking.istio.io", Version: "v1", Resource: "gateways"},
		{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"},
		{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"},
	}
)

func (p *place) look(t *testing.T) world {
	t.Helper()
	w := world{Gate: p.gate.Stats(), Objects: map[string]string{}}
	var err error
	if w.Head, err = p.Head(t.Context(), p.migration.Branch); err != nil {
		t.Fatal(err)
	}
	for _, gvr := range resources {
		for _, namespace := range p.namespaces() {
			list, err := p.cluster.Resource(gvr).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				if o.GetName() != "kube-root-ca.crt" { // Kubernetes puts it into every namespace
					w.Objects[gvr.Resource+" "+o.GetNamespace()+"/"+o.GetName()] = written(t, o)
				}
			}
		}
	}
	return w
}

// written is an object without what the cluster's own controllers write all the time: its status. It tells who wrote it
// when.
func written(t *testing.T, o unstructured.Unstructured) string {
	t.Helper()
	o.SetResourceVersion("")
	unstructured.RemoveNestedField(o.Object, "status")
	o.SetManagedFields(slices.DeleteFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return f.Subresource == "status" }))
	text, err := json.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *place) namespaces() []string {
	var out []string
	for _, s := range p.estate.Services {
		if !slices.Contains(out, s.Namespace.String()) {
			out = append(out, s.Namespace.String())
		}
	}
	return out
}

// core is the namespace of the services that are deployed.
func (p *place) core() string {
	names := p.namespaces()
	return names[slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, "-core") })]
}

// object reads an object of the new cluster's namespace core, or returns nil if there is none.
func (p *place) object(t *testing.T, gvr schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	list, err := p.cluster.Resource(gvr).Namespace(p.core()).List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}
