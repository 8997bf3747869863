package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// width is how many services are loaded at once.
const width = 16

// LoadOldCluster makes the old cluster run a stack of the product, each service at its own version, as years of
// deployments by Spinnaker have left it.
func (s *Scenario) LoadOldCluster(ctx context.Context, e *estate.Estate, m estate.Migration) error {
	product, stack := m.Product, m.From.Stack
	read := secrets{}
	var reading sync.Mutex
	config, err := s.rest(labtest.Old)
	if err != nil {
		return err
	}
	old, err := newLoader(config)
	if err != nil {
		return err
	}
	services := e.InStack(product, stack)
	for _, ns := range namespaces(services) {
		if err := old.namespace(ctx, ns); err != nil {
			return err
		}
	}
	done := make(chan string)
	outer := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for i := range services {
			select {
			case name := <-done:
				s.Progress(i+1, len(services), name)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		each, ctx := errgroup.WithContext(ctx)
		each.SetLimit(width)
		for _, svc := range services {
			each.Go(func() error {
				objects, err := s.loadService(ctx, old, e, svc, stack)
				if err != nil {
					return fmt.Errorf("load %s: %w", svc.ServiceID, err)
				}
				reading.Lock()
				read.addAll(svc.Namespace.String(), objects)
				reading.Unlock()
				select {
				case done <- svc.Name.String():
				case <-ctx.Done():
				}
				return nil
			})
		}
		return each.Wait()
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return errors.Join(s.plant(outer, e, m, read), s.createRoles(outer, m))
}

func (s *Scenario) loadService(ctx context.Context, old *loader, e *estate.Estate, svc estate.Service, stack estate.StackName) ([]object.Object, error) {
	st, _ := svc.Stack(stack)
	version, ok := s.Versions[svc.Namespace.String()+"/"+svc.Name.String()]
	if !ok {
		return nil, errors.New("no version says what the old cluster runs")
	}
	in, err := manifest.NewInput(e, svc, st, version, manifest.Capabilities{})
	if err != nil {
		return nil, err
	}
	objects, err := manifest.Render(in)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations["moniker.spinnaker.io/application"] = svc.Name.String()
		o.SetAnnotations(annotations)
		if err := old.apply(ctx, o); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// DeleteNamespaces takes the product's namespaces out of both clusters. It does not wait until they are gone.
func (s *Scenario) DeleteNamespaces(ctx context.Context, e *estate.Estate, product estate.ProductName, stack estate.StackName) error {
	for _, cluster := range []string{labtest.Old, labtest.New} {
		client, err := s.client(cluster)
		if err != nil {
			return err
		}
		for _, ns := range namespaces(e.InStack(product, stack)) {
			err := client.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}

func namespaces(services []estate.Service) []string {
	names := map[string]bool{}
	for _, svc := range services {
		names[svc.Namespace.String()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// LabelNodes gives the nodes of a cluster the labels that services choose their nodes by: the sets in turn.
func (s *Scenario) LabelNodes(ctx context.Context, cluster string, pools []map[string]string) error {
	client, err := s.client(cluster)
	if err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i, node := range nodes.Items {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": pools[i%len(pools)]}})
		if err != nil {
			return err
		}
		if _, err := client.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("label node %s: %w", node.Name, err)
		}
	}
	return nil
}

func (s *Scenario) rest(cluster string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", s.Lab.Clusters[cluster].Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1 // the lab's API server is ours alone
	return config, nil
}

func (s *Scenario) client(cluster string) (*kubernetes.Clientset, error) {
	config, err := s.rest(cluster)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// loader applies objects as Spinnaker does.
type loader struct {
	typed   kubernetes.Interface
	untyped dynamic.Interface
	mapper  meta.RESTMapper
}

func newLoader(config *rest.Config) (*loader, error) {
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &loader{typed, untyped, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(typed.Discovery()))}, nil
}

func (l *loader) namespace(ctx context.Context, name string) error {
	_, err := l.typed.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (l *loader) apply(ctx context.Context, o object.Object) error {
	gvk := o.GroupVersionKind()
	mapping, err := l.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	resource := dynamic.ResourceInterface(l.untyped.Resource(mapping.Resource))
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		resource = l.untyped.Resource(mapping.Resource).Namespace(o.GetNamespace())
	}
	_, err = resource.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "spinnaker", Force: true})
	return err
}
