package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"cutover/reconciler/object"
)

// watch is an informer of one kind in all namespaces, and whether it can be trusted.
type watch struct {
	gvr      schema.GroupVersionResource
	informer cache.SharedIndexInformer
	stop     context.CancelFunc

	mu  sync.Mutex
	err error // why the last list or watch failed; nil while a watch is open
}

// bySet is the index of members by their set's ID.
const bySet = "set"

// look is how often a cache is asked whether it has what is waited for. It costs no request.
const look = 10 * time.Millisecond

// watch returns the informer of a kind, started if need be.
func (k *Cluster) watch(gvr schema.GroupVersionResource) *watch {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w, ok := k.watches[gvr]; ok {
		return w
	}
	w := &watch{gvr: gvr}
	client := k.dynamic.Resource(gvr)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := client.List(ctx, o)
			w.note(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			events, err := client.Watch(ctx, o)
			w.note(err)
			return events, err
		},
	}
	w.informer = cache.NewSharedIndexInformer(lw, &unstructured.Unstructured{}, 0, cache.Indexers{bySet: setOf})
	var ctx context.Context
	ctx, w.stop = context.WithCancel(k.ctx)
	// The three setters fail only on an informer that was started.
	err := errors.Join(
		w.informer.SetTransform(slim),
		w.informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, _ *cache.Reflector, err error) { k.broken(ctx, w, err) }),
		second(w.informer.AddEventHandler(k.changes())),
	)
	if err != nil {
		panic(err)
	}
	k.watches[gvr] = w
	k.done.Go(func() { w.informer.RunWithContext(ctx) })
	return w
}

func second[T any](_ T, err error) error { return err }

func (w *watch) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *watch) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// broken is told of every watch that ends. Most end because the server closes them after some minutes.
func (k *Cluster) broken(ctx context.Context, w *watch, err error) {
	if errors.Is(err, io.EOF) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	if apierrors.IsNotFound(err) {
		k.catalogs.invalidate() // the kind is gone
	}
	w.note(err)
	k.log.WarnContext(ctx, "watch broken; trying again", "resource", w.gvr.String(), "error", err)
}

// ready waits until the informer has listed and its watch is open. An error that the API server itself answered with
// is returned at once.
func (w *watch) ready(ctx context.Context, patience time.Duration) error {
	err := wait.PollUntilContextTimeout(ctx, look, patience, true, func(context.Context) (bool, error) {
		err := w.failure()
		var answered apierrors.APIStatus
		switch {
		case err == nil:
			return w.informer.HasSynced(), nil
		case errors.As(err, &answered) && !apierrors.IsTooManyRequests(err):
			return false, err
		default:
			return false, nil
		}
	})
	if last := w.failure(); err != nil && last != nil {
		return last
	}
	if wait.Interrupted(err) && ctx.Err() == nil {
		return fmt.Errorf("no answer to the first list within %s", patience)
	}
	return err
}

// get returns an object of the cache, or nil.
func (w *watch) get(namespace, name string) *unstructured.Unstructured {
	key := name
	if namespace != "" {
		key = namespace + "/" + name
	}
	found, _, err := w.informer.GetStore().GetByKey(key)
	if err != nil || found == nil {
		return nil
	}
	o, _ := found.(*unstructured.Unstructured)
	return o
}

// members returns the cached objects of a set.
func (w *watch) members(id string) ([]*unstructured.Unstructured, error) {
	found, err := w.informer.GetIndexer().ByIndex(bySet, id)
	if err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, 0, len(found))
	for _, f := range found {
		if o, ok := f.(*unstructured.Unstructured); ok {
			out = append(out, o)
		}
	}
	return out, nil
}

func setOf(obj any) ([]string, error) {
	o, err := meta.Accessor(obj)
	if err != nil {
		return nil, err
	}
	if id := o.GetLabels()[object.LabelPartOf]; id != "" {
		return []string{id}, nil
	}
	return nil, nil
}

// lastApplied is kubectl's copy of the object, secrets and all. Nothing here reads it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// slim takes out of an object what is never read, before it is cached: kubectl's copy, who owns the status, and
// what strangers' ConfigMaps and Secrets hold.
func slim(obj any) (any, error) {
	o, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj, nil
	}
	if annotations := o.GetAnnotations(); annotations[lastApplied] != "" {
		delete(annotations, lastApplied)
		o.SetAnnotations(annotations)
	}
	fields := o.GetManagedFields()
	kept := fields[:0]
	for _, f := range fields {
		if f.Subresource != "status" {
			kept = append(kept, f)
		}
	}
	o.SetManagedFields(kept)
	if stranger(o) {
		o.SetManagedFields(nil)
		if kind := o.GetKind(); o.GroupVersionKind().Group == "" && (kind == "Secret" || kind == "ConfigMap") {
			for _, field := range []string{"data", "stringData", "binaryData"} {
				delete(o.Object, field)
			}
		}
	}
	return o, nil
}

// stranger tells whether an object is neither in a set nor deployed by Spinnaker, so that it will not be compared.
func stranger(o *unstructured.Unstructured) bool {
	return o.GetLabels()[object.LabelPartOf] == "" && o.GetAnnotations()["moniker.spinnaker.io/application"] == ""
}

// watchKinds makes the catalog stale whenever a CRD or an APIService changes.
func (k *Cluster) watchKinds() {
	for _, gvr := range []schema.GroupVersionResource{
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
	} {
		informer := metadatainformer.NewFilteredMetadataInformer(k.metadata, gvr, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
		err := errors.Join(
			informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, _ *cache.Reflector, err error) {
				k.catalogs.invalidate() // what happened meanwhile is not known
				k.log.DebugContext(ctx, "watch of kinds broken; trying again", "resource", gvr.String(), "error", err)
			}),
			second(informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
				AddFunc: func(_ any, initial bool) {
					if !initial {
						k.catalogs.invalidate()
					}
				},
				UpdateFunc: func(any, any) { k.catalogs.invalidate() },
				DeleteFunc: func(any) { k.catalogs.invalidate() },
			})),
		)
		if err != nil {
			panic(err) // as in watch
		}
		k.done.Go(func() { informer.RunWithContext(k.ctx) })
	}
}

// stopUnserved ends the watches of kinds that are gone: their informers would ask for ever.
func (k *Cluster) stopUnserved(c *catalog) {
	served := map[schema.GroupVersionResource]bool{}
	for _, r := range c.kinds {
		served[r.GroupVersionResource] = true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for gvr, w := range k.watches {
		if !served[gvr] && c.brokenGroup(gvr.Group) == nil {
			w.stop()
			delete(k.watches, gvr)
		}
	}
}
