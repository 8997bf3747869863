package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// EnsureNamespace makes a namespace that git names for a service, unless it exists. What it makes is labelled as
// managed by us. Namespaces are never deleted. The next Live shows the namespace.
func (k *Cluster) EnsureNamespace(ctx context.Context, name string) error {
	ref := object.Ref{Version: "v1", Kind: "Namespace", Name: name}
	gvr := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	client := k.dynamic.Resource(gvr)
	have, err := client.Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil && have.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s: %w: it is being deleted", ref, failure.ErrTransient)
	case err == nil:
		k.awaitWritten(ctx, gvr, have)
		return nil
	case !apierrors.IsNotFound(err):
		return wrap("get", ref, err)
	}
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(ref.GroupVersionKind())
	o.SetName(name)
	o.SetLabels(map[string]string{"app.kubernetes.io/managed-by": k.manager})
	made, err := client.Create(ctx, o, metav1.CreateOptions{FieldManager: k.manager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return wrap("create", ref, err)
	}
	k.awaitWritten(ctx, gvr, made)
	return nil
}
