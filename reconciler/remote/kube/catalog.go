package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"cutover/reconciler/failure"
	"cutover/reconciler/manifest"
)

// catalog is what the API server serves, as discovery told it once.
type catalog struct {
	kubeVersion string
	kinds       map[schema.GroupVersionKind]resource
	preferred   map[schema.GroupKind]schema.GroupVersionKind
	// broken are the versions of a group that are registered but do not answer, and why.
	broken map[schema.GroupVersion]error
}

// resource is how objects of a kind are addressed.
type resource struct {
	schema.GroupVersionResource
	namespaced bool
	watchable  bool
}

// catalogs holds the newest catalog until something makes it stale.
type catalogs struct {
	mu      sync.Mutex // held while a catalog is fetched, so that it is fetched once
	current *catalog

	staleMu sync.Mutex
	stale   bool
}

func (c *catalogs) invalidate() {
	c.staleMu.Lock()
	defer c.staleMu.Unlock()
	c.stale = true
}

// renew tells whether the catalog was stale and takes it to be fresh from now on.
func (c *catalogs) renew() bool {
	c.staleMu.Lock()
	defer c.staleMu.Unlock()
	was := c.stale
	c.stale = false
	return was
}

// catalog returns what the API server serves. It asks again if anything became stale.
func (k *Cluster) catalog(ctx context.Context) (*catalog, error) {
	k.catalogs.mu.Lock()
	defer k.catalogs.mu.Unlock()
	if stale := k.catalogs.renew(); k.catalogs.current != nil && !stale {
		return k.catalogs.current, nil
	}
	next, err := k.discover(ctx, k.catalogs.current)
	if err != nil {
		k.catalogs.invalidate()
		return nil, err
	}
	if len(next.broken) > 0 {
		k.catalogs.invalidate() // ask again next time: an API that is back announces nothing
	}
	k.catalogs.current = next
	k.stopUnserved(next)
	return next, nil
}

// discover asks the API server for everything it serves. Of an API that does not answer, what is known from
// before is kept.
func (k *Cluster) discover(ctx context.Context, before *catalog) (*catalog, error) {
	version, err := k.discovery.ServerVersionWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("discover: %w: %w", kindOf(err), err)
	}
	groups, lists, err := k.discovery.ServerGroupsAndResourcesWithContext(ctx)
	var partial *discovery.ErrGroupDiscoveryFailed
	if err != nil && !errors.As(err, &partial) {
		return nil, fmt.Errorf("discover: %w: %w", kindOf(err), err)
	}
	c := &catalog{
		kubeVersion: version.GitVersion,
		kinds:       map[schema.GroupVersionKind]resource{},
		preferred:   map[schema.GroupKind]schema.GroupVersionKind{},
		broken:      map[schema.GroupVersion]error{},
	}
	for _, list := range lists {
		c.add(list)
	}
	if partial != nil {
		maps.Copy(c.broken, partial.Groups)
	}
	if before != nil {
		for gvk, r := range before.kinds {
			if c.broken[gvk.GroupVersion()] != nil {
				c.kinds[gvk] = r
			}
		}
	}
	c.prefer(groups)
	return c, nil
}

func (c *catalog) add(list *metav1.APIResourceList) {
	gv, err := schema.ParseGroupVersion(list.GroupVersion)
	if err != nil {
		return // not ours to mend, and no object can be of it
	}
	for _, r := range list.APIResources {
		if strings.Contains(r.Name, "/") {
			continue // a subresource
		}
		c.kinds[gv.WithKind(r.Kind)] = resource{
			GroupVersionResource: gv.WithResource(r.Name),
			namespaced:           r.Namespaced,
			watchable:            slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch"),
		}
	}
}

// prefer notes the first version in the server's order that has a kind.
func (c *catalog) prefer(groups []*metav1.APIGroup) {
	for _, group := range groups {
		for _, v := range group.Versions {
			for gvk := range c.kinds {
				if gvk.Group != group.Name || gvk.Version != v.Version {
					continue
				}
				if _, ok := c.preferred[gvk.GroupKind()]; !ok {
					c.preferred[gvk.GroupKind()] = gvk
				}
			}
		}
	}
}

// brokenGroup says why some of a group cannot be known, or nil.
func (c *catalog) brokenGroup(group string) error {
	for gv, err := range c.broken {
		if gv.Group == group {
			return fmt.Errorf("%s does not answer: %w", gv, err)
		}
	}
	return nil
}

// resolve finds how a kind is addressed. A kind that is not known is asked for once more.
func (k *Cluster) resolve(ctx context.Context, gvk schema.GroupVersionKind) (resource, error) {
	c, err := k.catalog(ctx)
	if err != nil {
		return resource{}, err
	}
	if _, ok := c.kinds[gvk]; !ok {
		k.catalogs.invalidate()
		if c, err = k.catalog(ctx); err != nil {
			return resource{}, err
		}
	}
	r, ok := c.kinds[gvk]
	broken := c.brokenGroup(gvk.Group)
	switch {
	case ok:
		return r, nil
	case broken != nil:
		return resource{}, fmt.Errorf("%s: %w: %w", gvk.Kind, failure.ErrTransient, broken)
	default:
		return resource{}, fmt.Errorf("%w: the cluster does not serve %s %s: install its CRD first", failure.ErrNotFound, gvk.GroupVersion(), gvk.Kind)
	}
}

// Capabilities returns what templates may ask of the cluster. An API that is registered but does not answer is
// listed all the same, so that a template does not drop objects because of it.
func (k *Cluster) Capabilities(ctx context.Context) (manifest.Capabilities, error) {
	c, err := k.catalog(ctx)
	if err != nil {
		return manifest.Capabilities{}, err
	}
	versions, scoped := map[string]bool{}, map[string]bool{}
	for gv := range c.broken {
		versions[gv.String()] = true
	}
	for gvk, r := range c.kinds {
		versions[gvk.GroupVersion().String()] = true
		versions[gvk.GroupVersion().String()+"/"+gvk.Kind] = true
		if !r.namespaced {
			scoped[gvk.GroupKind().String()] = true
		}
	}
	return manifest.Capabilities{
		KubeVersion:   c.kubeVersion,
		APIVersions:   slices.Sorted(maps.Keys(versions)),
		ClusterScoped: slices.Sorted(maps.Keys(scoped)),
	}, nil
}
