package spinnaker

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	// applyManager is the field manager of `kubectl apply`, which is how clouddriver deploys.
	applyManager = "kubectl-client-side-apply"
	lastApplied  = "kubectl.kubernetes.io/last-applied-configuration"
	applyRetries = 5
)

var getOptions metav1.GetOptions

// apply does what `kubectl apply` does: it creates the object, or patches it by the three-way difference of what
// was applied before, what is to be applied, and what is there.
func (c *cluster) apply(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := c.of(o)
	if err != nil {
		return nil, err
	}
	wanted, err := withLastApplied(o)
	if err != nil {
		return nil, err
	}
	for range applyRetries {
		live, getErr := resource.Get(ctx, o.GetName(), getOptions)
		if apierrors.IsNotFound(getErr) {
			created, createErr := resource.Create(ctx, wanted, metav1.CreateOptions{FieldManager: applyManager})
			if apierrors.IsAlreadyExists(createErr) {
				continue
			}
			return created, createErr
		}
		if getErr != nil {
			return nil, getErr
		}
		kind, patch, diffErr := threeWay(wanted, live)
		if diffErr != nil || string(patch) == "{}" {
			return live, diffErr
		}
		var patched *unstructured.Unstructured
		patched, err = resource.Patch(ctx, o.GetName(), kind, patch, metav1.PatchOptions{FieldManager: applyManager})
		if !apierrors.IsConflict(err) {
			return patched, err
		}
	}
	return nil, fmt.Errorf("it changed %d times meanwhile: %w", applyRetries, err)
}

// withLastApplied returns a copy of o with the annotation by which the next apply knows what this one set.
func withLastApplied(o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	wanted := o.DeepCopy()
	annotations := wanted.GetAnnotations()
	delete(annotations, lastApplied)
	if annotations == nil {
		annotations = map[string]string{}
	}
	wanted.SetAnnotations(annotations)
	data, err := json.Marshal(wanted.Object)
	if err != nil {
		return nil, err
	}
	annotations[lastApplied] = string(data) + "\n"
	wanted.SetAnnotations(annotations)
	return wanted, nil
}

func threeWay(wanted, live *unstructured.Unstructured) (types.PatchType, []byte, error) {
	original := []byte(live.GetAnnotations()[lastApplied])
	modified, err := json.Marshal(wanted.Object)
	if err != nil {
		return "", nil, err
	}
	current, err := json.Marshal(live.Object)
	if err != nil {
		return "", nil, err
	}
	typed, err := scheme.Scheme.New(wanted.GroupVersionKind())
	if err != nil { // a custom resource: lists have no keys to merge by
		if len(original) == 0 {
			original = []byte("{}")
		}
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current)
		return types.MergePatchType, patch, err
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(typed)
	if err != nil {
		return "", nil, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(original, modified, current, schema, true)
	return types.StrategicMergePatchType, patch, err
}
