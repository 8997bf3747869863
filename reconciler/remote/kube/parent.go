package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

var configMapResource = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// toolVersion is the version of how we lay out our ApplySets; the tool's name is the field manager.
const toolVersion = "v1"

// contents is what a parent says of its set: the kinds and, besides its own, the namespaces of its members.
type contents struct {
	kinds      map[string]bool
	namespaces map[string]bool
}

func (c contents) equal(other contents) bool {
	return maps.Equal(c.kinds, other.kinds) && maps.Equal(c.namespaces, other.namespaces)
}

func (c contents) add(set object.Set, gk schema.GroupKind, namespace string) {
	c.kinds[gk.String()] = true
	if namespace != "" && namespace != set.Namespace {
		c.namespaces[namespace] = true
	}
}

func contentsOf(parent *unstructured.Unstructured) contents {
	c := contents{map[string]bool{}, map[string]bool{}}
	if parent == nil {
		return c
	}
	split := func(into map[string]bool, annotation string) {
		for item := range strings.SplitSeq(parent.GetAnnotations()[annotation], ",") {
			if item != "" {
				into[item] = true
			}
		}
	}
	split(c.kinds, object.AnnotationKinds)
	split(c.namespaces, object.AnnotationNamespaces)
	return c
}

// kindsOf lists the kinds that a parent names; none for nil.
func kindsOf(parent *unstructured.Unstructured) []schema.GroupKind {
	var out []schema.GroupKind
	for _, kind := range slices.Sorted(maps.Keys(contentsOf(parent).kinds)) {
		out = append(out, schema.ParseGroupKind(kind))
	}
	return out
}

// parent reads the set's parent from the server, or nil if there is none. It is refused if it belongs to another
// tool, or is no parent of this set.
func (k *Cluster) parent(ctx context.Context, set object.Set) (*unstructured.Unstructured, error) {
	ref := set.Parent()
	parent, err := k.dynamic.Resource(configMapResource).Namespace(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("get", ref, err)
	}
	tool, _, _ := strings.Cut(parent.GetAnnotations()[object.AnnotationTooling], "/")
	switch id := parent.GetLabels()[object.LabelSetID]; {
	case id != set.ID():
		return nil, fmt.Errorf("%w: %s exists and is not the parent of ApplySet %s: delete it or rename it", failure.ErrRefused, ref, set.ID())
	case tool != k.manager:
		return nil, fmt.Errorf("%w: the ApplySet of %s belongs to the tool %q, not to %q", failure.ErrRefused, ref, tool, k.manager)
	}
	return parent, nil
}

// widen makes the parent list all that it lists now and what the objects need. It comes before any member is
// written, so that an interruption leaves no member that is not listed.
func (k *Cluster) widen(ctx context.Context, set object.Set, objects []object.Object) error {
	parent, err := k.parent(ctx, set)
	if err != nil {
		return err
	}
	c := contentsOf(parent)
	for _, o := range objects {
		c.add(set, o.GroupVersionKind().GroupKind(), o.GetNamespace())
	}
	return k.writeParent(ctx, set, parent, c)
}

// narrow makes the parent list only what the set still has. If a kind cannot be listed, the parent stays as it is.
func (k *Cluster) narrow(ctx context.Context, set object.Set) error {
	parent, err := k.parent(ctx, set)
	if err != nil || parent == nil {
		return err
	}
	catalog, err := k.catalog(ctx)
	if err != nil {
		return err
	}
	left := contentsOf(nil)
	for _, gk := range kindsOf(parent) {
		r, served := catalog.kinds[catalog.preferred[gk]]
		if broken := catalog.brokenGroup(gk.Group); broken != nil {
			return fmt.Errorf("list members of %s: %w: %w", set, failure.ErrTransient, broken)
		}
		if !served {
			continue
		}
		members, err := k.metadata.Resource(r.GroupVersionResource).List(ctx, metav1.ListOptions{LabelSelector: object.LabelPartOf + "=" + set.ID()})
		if err != nil {
			return wrap("list members of "+set.String()+" in", object.Ref{Group: gk.Group, Kind: gk.Kind}, err)
		}
		for _, m := range members.Items {
			left.add(set, gk, m.Namespace)
		}
	}
	return k.writeParent(ctx, set, parent, left)
}

// writeParent writes the parent unless it says so already.
func (k *Cluster) writeParent(ctx context.Context, set object.Set, parent *unstructured.Unstructured, c contents) error {
	if parent != nil && c.equal(contentsOf(parent)) {
		return nil
	}
	ref := set.Parent()
	next := &unstructured.Unstructured{}
	next.SetGroupVersionKind(configMaps)
	next.SetNamespace(ref.Namespace)
	next.SetName(ref.Name)
	next.SetLabels(map[string]string{object.LabelSetID: set.ID()})
	next.SetAnnotations(map[string]string{
		object.AnnotationTooling:    k.manager + "/" + toolVersion,
		object.AnnotationKinds:      strings.Join(slices.Sorted(maps.Keys(c.kinds)), ","),
		object.AnnotationNamespaces: strings.Join(slices.Sorted(maps.Keys(c.namespaces)), ","),
	})
	if parent != nil {
		next.SetResourceVersion(parent.GetResourceVersion()) // what we add to must be what we read
	}
	body, err := next.MarshalJSON()
	if err != nil {
		return err
	}
	force := true
	written, err := k.dynamic.Resource(configMapResource).Namespace(ref.Namespace).Patch(ctx, ref.Name, types.ApplyPatchType, body,
		metav1.PatchOptions{FieldManager: k.manager + "-applyset", Force: &force})
	if err != nil {
		return wrap("apply", ref, err)
	}
	k.awaitWritten(ctx, configMapResource, written)
	return nil
}
