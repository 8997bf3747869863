package manifest

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/reconciler/object"
)

// Unserved is a kind that a cluster does not serve, and the objects that need it.
type Unserved struct {
	Kind    schema.GroupVersionKind
	Objects []object.Ref
}

// Localize puts objects into the form that they have in a cluster: an object of a kind that has namespaces gets the
// given one if it names none, and an object of the whole cluster loses any that it names. A definition of a custom
// resource among the objects counts for the objects of its kind, because it is applied before them.
//
// It also lists the kinds that the cluster does not serve, in the order of the objects; none if the capabilities say
// nothing about kinds. Objects of such a kind are returned all the same. The arguments are left as they are.
func Localize(objs []object.Object, namespace string, caps Capabilities) ([]object.Object, []Unserved) {
	defined := definitions(objs)
	out := copyObjects(objs)
	var unserved []Unserved
	for _, o := range out {
		gvk := o.GroupVersionKind()
		clusterScoped, isDefined := defined[gvk]
		if !isDefined {
			clusterScoped = contains(caps.ClusterScoped, kindAndGroup(gvk))
		}
		switch {
		case clusterScoped:
			o.SetNamespace("")
		case o.GetNamespace() == "":
			o.SetNamespace(namespace)
		}
		if isDefined || len(caps.APIVersions) == 0 || contains(caps.APIVersions, gvk.GroupVersion().String()+"/"+gvk.Kind) {
			continue
		}
		i := slices.IndexFunc(unserved, func(u Unserved) bool { return u.Kind == gvk })
		if i < 0 {
			i = len(unserved)
			unserved = append(unserved, Unserved{Kind: gvk})
		}
		unserved[i].Objects = append(unserved[i].Objects, object.RefOf(o))
	}
	return out, unserved
}

func contains(sorted []string, s string) bool {
	_, ok := slices.BinarySearch(sorted, s)
	return ok
}

func kindAndGroup(gvk schema.GroupVersionKind) string {
	if gvk.Group == "" {
		return gvk.Kind
	}
	return gvk.Kind + "." + gvk.Group
}

// definitions reads the kinds that the objects themselves define, and whether each is of the whole cluster.
func definitions(objs []object.Object) map[schema.GroupVersionKind]bool {
	out := map[schema.GroupVersionKind]bool{}
	for _, o := range objs {
		if gvk := o.GroupVersionKind(); gvk.Group != "apiextensions.k8s.io" || gvk.Kind != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(o.Object, "spec", "scope")
		versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		for _, v := range versions {
			version, _ := v.(map[string]any)
			name, _ := version["name"].(string)
			if served, _ := version["served"].(bool); served {
				out[schema.GroupVersionKind{Group: group, Version: name, Kind: kind}] = scope == "Cluster"
			}
		}
	}
	return out
}
