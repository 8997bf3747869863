package spinnaker

import (
	"context"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

// rollsOut tells whether clouddriver waits for an object of this kind. All others are stable at once.
func rollsOut(kind string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return true
	default:
		return false
	}
}

// awaitStable watches the object until its rollout is complete, or has failed, or ctx ends.
func (c *cluster) awaitStable(ctx context.Context, o *unstructured.Unstructured) error {
	if !rollsOut(o.GetKind()) {
		return nil
	}
	resource, err := c.of(o)
	if err != nil {
		return err
	}
	only := fields.OneTermEqualSelector("metadata.name", o.GetName()).String()
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = only
			return resource.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = only
			return resource.Watch(ctx, options)
		},
	}
	last := "it was not seen"
	_, err = toolswatch.UntilWithSync(ctx, source, &unstructured.Unstructured{}, nil, func(event watch.Event) (bool, error) {
		live, ok := event.Object.(*unstructured.Unstructured)
		if !ok || event.Type == watch.Deleted {
			return false, fmt.Errorf("%s %s was deleted while it rolled out", o.GetKind(), o.GetName())
		}
		result, err := status.Compute(live)
		if err != nil {
			return false, err
		}
		last = result.Message
		if result.Status == status.FailedStatus {
			return false, fmt.Errorf("%s %s did not stabilize: %s", o.GetKind(), o.GetName(), result.Message)
		}
		return result.Status == status.CurrentStatus, nil
	})
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s did not stabilize in time: %s", o.GetKind(), o.GetName(), last)
	}
	return err
}

// awaitGone watches until the object no longer exists.
func (c *cluster) awaitGone(ctx context.Context, o *unstructured.Unstructured) error {
	resource, err := c.of(o)
	if err != nil {
		return err
	}
	only := fields.OneTermEqualSelector("metadata.name", o.GetName()).String()
	list, err := resource.List(ctx, metav1.ListOptions{FieldSelector: only})
	if err != nil || len(list.Items) == 0 || list.Items[0].GetUID() != o.GetUID() {
		return err
	}
	events, err := resource.Watch(ctx, metav1.ListOptions{FieldSelector: only, ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return err
	}
	_, err = toolswatch.UntilWithoutRetry(ctx, events, func(event watch.Event) (bool, error) {
		return event.Type == watch.Deleted, nil
	})
	if err != nil {
		return fmt.Errorf("%s %s is not gone: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}
