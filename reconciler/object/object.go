// Package object is the nouns of a cluster's content: objects and how they are told apart, the set that a service's
// objects form, and what a cluster holds of it.
package object

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is one Kubernetes object, desired or live.
type Object = *unstructured.Unstructured

// Ref tells objects of one cluster apart. Its Version is how the object was written, and takes no part in the
// identity: see Key.
type Ref struct {
	Group, Version, Kind string
	Namespace, Name      string // Namespace is "" for an object of the whole cluster
}

// RefOf returns the object's reference.
func RefOf(o Object) Ref {
	gvk := o.GroupVersionKind()
	return Ref{gvk.Group, gvk.Version, gvk.Kind, o.GetNamespace(), o.GetName()}
}

// Key is the reference without the version: apps/v1 and apps/v1beta1 name the same object.
func (r Ref) Key() Ref {
	r.Version = ""
	return r
}

// GroupVersionKind returns the reference's kind in the form that the Kubernetes libraries take.
func (r Ref) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
}

// String is what kubectl would say, with the namespace in front: core/deployment.apps/api.
func (r Ref) String() string {
	s := r.Kind
	if r.Group != "" {
		s += "." + r.Group
	}
	s += "/" + r.Name
	if r.Namespace != "" {
		s = r.Namespace + "/" + s
	}
	return s
}

// MarshalText writes the reference as String does.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Compare orders references by namespace, group, kind and name.
func (r Ref) Compare(other Ref) int {
	return cmp.Or(
		cmp.Compare(r.Namespace, other.Namespace),
		cmp.Compare(r.Group, other.Group),
		cmp.Compare(r.Kind, other.Kind),
		cmp.Compare(r.Name, other.Name),
	)
}

// Set is a group of objects that is applied and pruned as one: the objects of one service in one stack. It
// becomes a Kubernetes ApplySet (KEP-3659); see Parent and ID.
type Set struct {
	Namespace, Name string
}

func (s Set) String() string { return s.Namespace + "/" + s.Name }

// MarshalText writes the set as String does.
func (s Set) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Live is what a cluster holds of a set: the objects that were asked for by name, and every other object that
// carries the set's mark.
type Live struct {
	Objects []Object
	// Complete says that every kind could be listed. Nothing is pruned from an incomplete list.
	Complete bool
	// Missing names the kinds that could not be listed, and why.
	Missing []string
}
