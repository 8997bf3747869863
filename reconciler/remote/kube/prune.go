package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// Prune deletes members of the set, one after the other in the order given, and then lets the set's parent list only
// the kinds that are left. Dependents are deleted in the background. An object that is gone is no error; one that is
// no member any more is failure.ErrConflict and stays.
func (k *Cluster) Prune(ctx context.Context, set object.Set, refs []object.Ref) error {
	if len(refs) == 0 {
		return nil
	}
	for _, ref := range refs {
		if err := k.pruneOne(ctx, set, ref); err != nil {
			return fmt.Errorf("prune %s: %w", set, err)
		}
	}
	if err := k.narrow(ctx, set); err != nil {
		return fmt.Errorf("prune %s: %w", set, err)
	}
	return nil
}

func (k *Cluster) pruneOne(ctx context.Context, set object.Set, ref object.Ref) error {
	if ref.Key() == set.Parent().Key() {
		return fmt.Errorf("delete %s: %w: it is the set's parent", ref, failure.ErrRefused)
	}
	r, err := k.resolve(ctx, ref.GroupVersionKind())
	if err != nil {
		return fmt.Errorf("delete %s: %w", ref, err)
	}
	client := k.client(r, ref)
	have, err := client.Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return wrap("get", ref, err)
	case have.GetLabels()[object.LabelPartOf] != set.ID():
		return fmt.Errorf("delete %s: %w: it is no member of the set any more", ref, failure.ErrConflict)
	}
	uid, background := have.GetUID(), metav1.DeletePropagationBackground
	err = client.Delete(ctx, ref.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid},
		PropagationPolicy: &background,
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return wrap("delete", ref, err)
	}
	k.await(ctx, r.GroupVersionResource, func(w *watch) bool {
		have := w.get(ref.Namespace, ref.Name)
		return have == nil || have.GetUID() != uid || have.GetDeletionTimestamp() != nil
	})
	return nil
}
