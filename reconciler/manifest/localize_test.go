package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

func anObject(apiVersion, kind, namespace, name string) object.Object {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func TestLocalize(t *testing.T) {
	crd := anObject("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "widgets.example.com")
	crd.Object["spec"] = map[string]any{
		"group": "example.com", "scope": "Cluster", "names": map[string]any{"kind": "Widget"},
		"versions": []any{map[string]any{"name": "v1", "served": true}, map[string]any{"name": "v0", "served": false}},
	}
	objects := []object.Object{
		crd,
		anObject("v1", "Namespace", "wrong", "n"),
		anObject("v1", "ConfigMap", "", "c"),
		anObject("v1", "ConfigMap", "elsewhere", "c"),
		anObject("example.com/v1", "Widget", "wrong", "w"),
		anObject("example.com/v0", "Widget", "", "old"),
		anObject("example.com/v1", "Unknown", "", "u"),
		anObject("example.com/v1", "Unknown", "", "v"),
	}
	before := string(printed(t, objects))
	caps := manifest.Capabilities{
		APIVersions:   []string{"apiextensions.k8s.io/v1/CustomResourceDefinition", "example.com/v1", "v1", "v1/ConfigMap", "v1/Namespace"},
		ClusterScoped: []string{"CustomResourceDefinition.apiextensions.k8s.io", "Namespace"},
	}
	got, unserved := manifest.Localize(objects, "space", caps)

	var names []string
	for _, o := range got {
		names = append(names, object.RefOf(o).String())
	}
	want := []string{
		"CustomResourceDefinition.apiextensions.k8s.io/widgets.example.com", "Namespace/n",
		"space/ConfigMap/c", "elsewhere/ConfigMap/c", "Widget.example.com/w", "space/Widget.example.com/old",
		"space/Unknown.example.com/u", "space/Unknown.example.com/v",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	var kinds []string
	for _, u := range unserved {
		kinds = append(kinds, u.Kind.String())
		for _, ref := range u.Objects {
			kinds = append(kinds, ref.String())
		}
	}
	if diff := cmp.Diff([]string{
		"example.com/v0, Kind=Widget", "space/Widget.example.com/old",
		"example.com/v1, Kind=Unknown", "space/Unknown.example.com/u", "space/Unknown.example.com/v",
	}, kinds); diff != "" {
		t.Errorf("unserved (-want +got):\n%s", diff)
	}
	if string(printed(t, objects)) != before {
		t.Error("the arguments were changed")
	}
	if _, unserved := manifest.Localize(objects, "space", manifest.Capabilities{}); unserved != nil {
		t.Error("kinds are called unserved of a cluster that nothing is known of")
	}
}

func TestWorkloadVersion(t *testing.T) {
	in := orbitAPI(t, "image: registry:5000/team/app\ncontainers: {a: {image: 'other:9'}}")
	objects, err := manifest.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := manifest.WorkloadVersion(objects[0], "registry:5000/team/app"); !ok || v != in.Version {
		t.Errorf("got %q, %t", v, ok)
	}
	if _, ok := manifest.WorkloadVersion(objects[0], "team/app"); ok {
		t.Error("an image of another registry was taken for ours")
	}

	pod := func(image string) map[string]any {
		return map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"image": image}}}}
	}
	for _, test := range []struct{ kind, image, want string }{
		{"Deployment.apps", "app:1.2", "1.2"},
		{"StatefulSet.apps", "app:1.2@sha256:0123", "1.2"},
		{"DaemonSet.apps", "app@sha256:0123", ""},
		{"Job.batch", "app", ""},
		{"CronJob.batch", "app:v1-rc.1", "v1-rc.1"},
		{"Deployment.apps", "app:", ""},
		{"Deployment.example.com", "app:1.2", ""},
		{"Deployment.apps", "localhost:5000/app:1.2", ""},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		kind, group, _ := strings.Cut(test.kind, ".")
		o.SetAPIVersion(group + "/v1")
		o.SetKind(kind)
		o.Object["spec"] = map[string]any{"template": pod(test.image)}
		if kind == "CronJob" {
			o.Object["spec"] = map[string]any{"jobTemplate": map[string]any{"spec": map[string]any{"template": pod(test.image)}}}
		}
		got, ok := manifest.WorkloadVersion(o, "app")
		if got.String() != test.want || ok != (test.want != "") {
			t.Errorf("%s %s: got %q, %t, want %q", test.kind, test.image, got, ok, test.want)
		}
	}
	if _, ok := manifest.WorkloadVersion(anObject("v1", "ConfigMap", "", "c"), "app"); ok {
		t.Error("a ConfigMap has a version")
	}
}
