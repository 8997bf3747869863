package kube

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/pager"

	"cutover/reconciler/object"
)

const (
	// callTimeout bounds one request, and one page of a list.
	callTimeout = 30 * time.Second
	// pageSize is how many objects one answer holds at most.
	pageSize = 500
)

// each calls do for every object of a kind, in one namespace or, if that is "", in all. It asks the server, page by page,
// for what is there now: no cache may answer what is decided once and needs no watch.
func (k *Cluster) each(ctx context.Context, kind schema.GroupVersionKind, resource, namespace string, o metav1.ListOptions, do func(*unstructured.Unstructured) error) error {
	client := k.dynamic.Resource(kind.GroupVersion().WithResource(resource)).Namespace(namespace)
	pages := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return client.List(ctx, o)
	})
	pages.PageSize = pageSize
	var stopped error // by do, and not the server's error
	err := pages.EachListItem(ctx, o, func(item runtime.Object) error {
		if found, ok := item.(*unstructured.Unstructured); ok {
			stopped = do(found)
		}
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	return wrap("list", object.Ref{Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Namespace: namespace}, err)
}

// into gives an object the type that the Kubernetes libraries work with.
func into[T any](o *unstructured.Unstructured) (*T, error) {
	typed := new(T)
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, typed)
	return typed, err
}
