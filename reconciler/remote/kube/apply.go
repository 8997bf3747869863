package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// parallel is how many objects of one kind are written at once.
const parallel = 8

// Apply writes objects by server-side apply, as members of the set, in the order given; neighbours of the same kind
// are written at the same time. An object with a UID must still be that object, one with a resource version still be as
// it was then, and one without either must not exist or be a member already; otherwise the error is
// failure.ErrConflict. After an error the kinds that follow are not
// written. Namespaces must exist or be among the objects.
func (k *Cluster) Apply(ctx context.Context, set object.Set, objects []object.Object) error {
	if len(objects) == 0 {
		return nil
	}
	if err := k.widen(ctx, set, objects); err != nil {
		return fmt.Errorf("apply %s: %w", set, err)
	}
	for run := range runs(objects) {
		if err := k.applyRun(ctx, set, run); err != nil {
			return fmt.Errorf("apply %s: %w", set, err)
		}
	}
	return nil
}

// runs yields the stretches of neighbours that have the same kind.
func runs(objects []object.Object) func(yield func([]object.Object) bool) {
	return func(yield func([]object.Object) bool) {
		for start := 0; start < len(objects); {
			end := start + 1
			for end < len(objects) && objects[end].GroupVersionKind() == objects[start].GroupVersionKind() {
				end++
			}
			if !yield(objects[start:end]) {
				return
			}
			start = end
		}
	}
}

func (k *Cluster) applyRun(ctx context.Context, set object.Set, run []object.Object) error {
	gvk := run[0].GroupVersionKind()
	r, err := k.resolve(ctx, gvk)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	var mu sync.Mutex // guards errs
	var errs []error
	for _, o := range run {
		group.Go(func() error {
			if err := k.applyOne(ctx, set, r, o); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait() // all are tried; their errors are in errs
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if gvk.Kind == "CustomResourceDefinition" {
		return k.established(ctx, r, run)
	}
	return nil
}

func (k *Cluster) applyOne(ctx context.Context, set object.Set, r resource, o object.Object) error {
	o = o.DeepCopy()
	ref := object.RefOf(o)
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[object.LabelPartOf] = set.ID()
	o.SetLabels(labels)
	o.SetManagedFields(nil)
	unstructured.RemoveNestedField(o.Object, "status")
	client := k.client(r, ref)
	force := true
	if o.GetUID() == "" {
		var err error
		if force, err = absentOrMember(ctx, client, set, ref, o); err != nil {
			return err
		}
	}
	written, err := k.patch(ctx, client, o, metav1.PatchOptions{Force: &force})
	if err != nil {
		return wrap("apply", ref, err)
	}
	k.awaitWritten(ctx, r.GroupVersionResource, written)
	return nil
}

// absentOrMember looks at the server once more before an object is made. It tells whether the object is there, as a
// member, and pins the write to it; if it is not, the write is not forced, so that one that somebody makes
// meanwhile is a conflict and not ours.
func absentOrMember(ctx context.Context, client dynamic.ResourceInterface, set object.Set, ref object.Ref, o object.Object) (bool, error) {
	have, err := client.Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, wrap("get", ref, err)
	case have.GetLabels()[object.LabelPartOf] != set.ID():
		return false, fmt.Errorf("apply %s: %w: it exists and is not in the set", ref, failure.ErrConflict)
	}
	o.SetUID(have.GetUID())
	return true, nil
}

func (k *Cluster) client(r resource, ref object.Ref) dynamic.ResourceInterface {
	if r.namespaced {
		return k.dynamic.Resource(r.GroupVersionResource).Namespace(ref.Namespace)
	}
	return k.dynamic.Resource(r.GroupVersionResource)
}

// patch applies server-side. A field that the kind does not have is an error: the server would drop it otherwise, and
// it would be missing for ever.
func (k *Cluster) patch(ctx context.Context, client dynamic.ResourceInterface, o object.Object, opts metav1.PatchOptions) (*unstructured.Unstructured, error) {
	body, err := o.MarshalJSON()
	if err != nil {
		return nil, err
	}
	opts.FieldManager = k.manager
	opts.FieldValidation = metav1.FieldValidationStrict
	return client.Patch(ctx, o.GetName(), types.ApplyPatchType, body, opts)
}

// established waits until the kinds of new CRDs are served.
func (k *Cluster) established(ctx context.Context, r resource, crds []object.Object) error {
	for _, crd := range crds {
		ref := object.RefOf(crd)
		err := wait.PollUntilContextTimeout(ctx, 10*look, k.patience, true, func(ctx context.Context) (bool, error) {
			have, err := k.client(r, ref).Get(ctx, ref.Name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			return isEstablished(have), nil
		})
		if wait.Interrupted(err) {
			return fmt.Errorf("%s: %w: not served after %s", ref, failure.ErrTransient, k.patience)
		}
		if err != nil {
			return wrap("get", ref, err)
		}
	}
	k.catalogs.invalidate()
	return nil
}

func isEstablished(crd *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return condition["type"] == "Established" && condition["status"] == "True"
	})
}

// awaitWritten waits until the informer of a kind has seen a write, so that the next Live shows it. If it takes too
// long, the next Live may show the state before, and the decision made on it is refused or changes nothing.
func (k *Cluster) awaitWritten(ctx context.Context, gvr schema.GroupVersionResource, written *unstructured.Unstructured) {
	k.await(ctx, gvr, func(w *watch) bool {
		have := w.get(written.GetNamespace(), written.GetName())
		if have == nil {
			return false
		}
		order, err := resourceversion.CompareResourceVersion(have.GetResourceVersion(), written.GetResourceVersion())
		return err != nil || order >= 0
	})
}

func (k *Cluster) await(ctx context.Context, gvr schema.GroupVersionResource, seen func(*watch) bool) {
	k.mu.Lock()
	w, ok := k.watches[gvr]
	k.mu.Unlock()
	if !ok {
		return
	}
	// The only errors are that the time is up, which is told above, and that the context ended, which the caller's
	// next call tells.
	_ = wait.PollUntilContextTimeout(ctx, look, k.patience, true, func(context.Context) (bool, error) {
		return w.failure() != nil || !w.informer.HasSynced() || seen(w), nil
	})
}
