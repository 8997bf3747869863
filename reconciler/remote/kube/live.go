package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

var configMaps = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

// Live returns what the cluster holds of a set, sorted: the objects asked for, each in the version asked for, and
// every member of the set among the kinds asked for and those that the set's parent lists. It fails if a kind that
// was asked for cannot be read. If one that only the parent lists cannot be, the answer is not Complete.
// A kind that the cluster does not serve has no objects.
func (k *Cluster) Live(ctx context.Context, set object.Set, refs []object.Ref) (object.Live, error) {
	catalog, err := k.catalogWith(ctx, refs)
	if err != nil {
		return object.Live{}, fmt.Errorf("live objects of %s: %w", set, err)
	}
	k.follow(set, refs)
	asked := map[schema.GroupKind]schema.GroupVersionKind{configMaps.GroupKind(): configMaps}
	for _, ref := range refs {
		asked[schema.GroupKind{Group: ref.Group, Kind: ref.Kind}] = ref.GroupVersionKind()
	}
	watches, failed := k.open(ctx, catalog, asked)
	if len(failed) > 0 {
		return object.Live{}, fmt.Errorf("live objects of %s: %w: %s", set, failure.ErrTransient, strings.Join(failed, "; "))
	}
	rest := map[schema.GroupKind]schema.GroupVersionKind{}
	for _, gk := range kindsOf(watches[configMaps.GroupKind()].get(set.Namespace, set.Parent().Name)) {
		if _, ok := asked[gk]; !ok {
			rest[gk] = catalog.preferred[gk]
		}
	}
	others, missing := k.open(ctx, catalog, rest)
	live := object.Live{Complete: len(missing) == 0, Missing: missing}
	if err := ctx.Err(); err != nil {
		return object.Live{}, err
	}
	found := map[object.Ref]object.Object{}
	for _, ref := range refs {
		w, ok := watches[schema.GroupKind{Group: ref.Group, Kind: ref.Kind}]
		if !ok {
			continue
		}
		if o := w.get(ref.Namespace, ref.Name); o != nil {
			found[ref.Key()] = o
		}
	}
	for _, opened := range []map[schema.GroupKind]*watch{watches, others} {
		for _, w := range opened {
			members, err := w.members(set.ID())
			if err != nil {
				return object.Live{}, fmt.Errorf("live objects of %s: %w", set, err)
			}
			for _, o := range members {
				found[object.RefOf(o).Key()] = o
			}
		}
	}
	for _, o := range found {
		live.Objects = append(live.Objects, o.DeepCopy()) // the cache's own must not change
	}
	slices.SortFunc(live.Objects, func(a, b object.Object) int { return object.RefOf(a).Compare(object.RefOf(b)) })
	return live, nil
}

// catalogWith returns a catalog that is new enough to know all kinds asked for, if the cluster serves them.
func (k *Cluster) catalogWith(ctx context.Context, refs []object.Ref) (*catalog, error) {
	for _, ref := range refs {
		_, err := k.resolve(ctx, ref.GroupVersionKind())
		if err != nil && !errors.Is(err, failure.ErrNotFound) {
			return nil, err
		}
		if err != nil {
			break // one more look would find the same for the others
		}
	}
	return k.catalog(ctx)
}

// open starts the informers of the kinds at once and waits for them. Kinds that are not served are left out; those
// that cannot be read are told as "kind: reason", sorted.
func (k *Cluster) open(ctx context.Context, c *catalog, kinds map[schema.GroupKind]schema.GroupVersionKind) (map[schema.GroupKind]*watch, []string) {
	opened := map[schema.GroupKind]*watch{}
	var failed []string
	fail := func(gk schema.GroupKind, err error) { failed = append(failed, gk.String()+": "+err.Error()) }
	for gk, gvk := range kinds {
		r, served := c.kinds[gvk]
		broken := c.brokenGroup(gk.Group)
		switch {
		case !served && broken != nil:
			fail(gk, broken)
		case served && !r.watchable:
			fail(gk, errors.New("cannot be listed and watched"))
		case served:
			opened[gk] = k.watch(r.GroupVersionResource) //nolint:contextcheck // it goes on when this call is over
		}
	}
	var waiting sync.WaitGroup
	var mu sync.Mutex // guards failed
	for gk, w := range opened {
		waiting.Go(func() {
			if err := w.ready(ctx, k.patience); err != nil {
				mu.Lock()
				defer mu.Unlock()
				fail(gk, err)
			}
		})
	}
	waiting.Wait()
	slices.Sort(failed)
	return opened, failed
}
