package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// templateAnnotations is where a workload has the annotations of its Pods.
var templateAnnotations = []string{"spec", "template", "metadata", "annotations"}

// Restart sets an annotation in a workload's Pod template unless it is there with that value already, and so begins a
// rollout. The annotation belongs to a field manager of its own, so that applying the rest of the workload leaves it
// alone; annotations that were set this way before stay. A workload that does not exist is failure.ErrNotFound; an
// object without a Pod template is failure.ErrRefused.
func (k *Cluster) Restart(ctx context.Context, workload object.Ref, annotation, value string) error {
	r, err := k.resolve(ctx, workload.GroupVersionKind())
	if err != nil {
		return fmt.Errorf("restart %s: %w", workload, err)
	}
	client := k.client(r, workload)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	have, err := client.Get(ctx, workload.Name, metav1.GetOptions{})
	if err != nil {
		return wrap("restart", workload, err)
	}
	if _, found, err := unstructured.NestedMap(have.Object, templateAnnotations[:2]...); err != nil || !found {
		return fmt.Errorf("restart %s: %w: it has no Pod template", workload, failure.ErrRefused)
	}
	set, _, err := unstructured.NestedStringMap(have.Object, templateAnnotations...)
	if err != nil {
		return unreadable(have, err)
	}
	if current, there := set[annotation]; there && current == value {
		return nil
	}
	manager := k.manager + "-restart"
	ours := owned(have, manager)
	maps.DeleteFunc(set, func(key, _ string) bool { return !ours[key] })
	if set == nil {
		set = map[string]string{}
	}
	set[annotation] = value
	next := &unstructured.Unstructured{}
	next.SetGroupVersionKind(workload.GroupVersionKind())
	next.SetNamespace(workload.Namespace)
	next.SetName(workload.Name)
	next.SetUID(have.GetUID()) // one that is deleted meanwhile is not made anew
	if err := unstructured.SetNestedStringMap(next.Object, set, templateAnnotations...); err != nil {
		return fmt.Errorf("restart %s: %w", workload, err)
	}
	body, err := next.MarshalJSON()
	if err != nil {
		return fmt.Errorf("restart %s: %w", workload, err)
	}
	force := true
	written, err := client.Patch(ctx, workload.Name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: manager, Force: &force})
	if err != nil {
		return wrap("restart", workload, err)
	}
	k.awaitWritten(ctx, r.GroupVersionResource, written)
	return nil
}

// owned are the annotations of a workload's Pod template that a field manager has applied.
func owned(o *unstructured.Unstructured, manager string) map[string]bool {
	keys := map[string]bool{}
	for _, entry := range o.GetManagedFields() {
		if entry.Manager != manager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue // of a format that this version of Kubernetes does not write
		}
		for _, step := range templateAnnotations {
			fields, _ = fields["f:"+step].(map[string]any)
		}
		for field := range fields {
			if key, isField := strings.CutPrefix(field, "f:"); isField {
				keys[key] = true
			}
		}
	}
	return keys
}
