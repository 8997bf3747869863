package spinnaker

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// cluster is what the manifest stages need of a Kubernetes cluster.
type cluster struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// newCluster makes no request: a cluster that is down fails the stage, not the stand-in.
func newCluster(config *rest.Config) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // the server limits by itself
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &cluster{client, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}, nil
}

// account finds the cluster that a stage names.
func (r *stageRun) account() (*cluster, error) {
	name := textOf(r.context, "account")
	c, ok := r.server.accounts[name]
	if !ok {
		return nil, fmt.Errorf("credentials %q not found", name)
	}
	return c, nil
}

// resource finds where objects of a kind are read and written. The namespace is ignored for a kind that has none.
func (c *cluster) resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return c.client.Resource(mapping.Resource), nil
	}
	return c.client.Resource(mapping.Resource).Namespace(namespace), nil
}

func (c *cluster) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	var versions []string
	if kind.Version != "" {
		versions = []string{kind.Version}
	}
	return c.mapper.RESTMapping(kind.GroupKind(), versions...)
}

// of finds where one object is read and written.
func (c *cluster) of(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	return c.resource(o.GroupVersionKind(), o.GetNamespace())
}

// setNamespace decides the namespace of an object: override, its own, or default; none for a kind that has none.
func (c *cluster) setNamespace(o *unstructured.Unstructured, override string) error {
	mapping, err := c.mapping(o.GroupVersionKind())
	if err != nil {
		return err
	}
	switch {
	case mapping.Scope.Name() != meta.RESTScopeNameNamespace:
		o.SetNamespace("")
	case override != "":
		o.SetNamespace(override)
	case o.GetNamespace() == "":
		o.SetNamespace("default")
	}
	return nil
}

// kindNamed finds a kind by what people write in a stage: deployment, Deployment or deployment.apps.
func (c *cluster) kindNamed(name string) (schema.GroupVersionKind, error) {
	for _, group := range []string{"", "apps", "batch", "autoscaling", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"} {
		resource := schema.ParseGroupResource(name)
		if resource.Group == "" {
			resource.Group = group
		}
		for _, plural := range plurals(resource.Resource) {
			kind, err := c.mapper.KindFor(schema.GroupVersionResource{Group: resource.Group, Resource: plural})
			if err == nil {
				return kind, nil
			}
		}
	}
	return schema.GroupVersionKind{}, fmt.Errorf("no kind is named %q", name)
}

func (c *cluster) get(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	resource, err := c.resource(kind, namespace)
	if err != nil {
		return nil, err
	}
	return resource.Get(ctx, name, getOptions)
}
