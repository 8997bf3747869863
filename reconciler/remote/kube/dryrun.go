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

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// standIn is the namespace in which objects are tried whose own does not exist yet. Every cluster has it.
const standIn = "default"

// DryRun asks the API server to apply each object without writing it, and returns those that it would not take, sorted,
// with its own words. Everything counts that the server answers with: a kind or version that it does not serve, a field that
// the kind does not have or a value that is not valid, an admission policy, and an admission webhook that does not answer.
// That the server does not answer, or is too busy, is an error.
//
// A namespace that does not exist yet is tried itself, and its objects twice: in their own namespace, where the server
// checks versions and fields before it misses the namespace, and as new objects in the namespace default, where it checks
// values and asks the policies. Policies may treat default in a way of its own, so that such a rejection says where
// it was tried; it goes away, or not, once the namespace exists.
//
// Objects whose kind is defined by a CustomResourceDefinition among the objects are left out: they cannot be tried before
// that is there.
func (k *Cluster) DryRun(ctx context.Context, objects []object.Object) ([]evidence.Rejection, error) {
	defined := definedKinds(objects)
	missing, err := k.missingNamespaces(ctx, objects)
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	var mu sync.Mutex // guards rejections
	var rejections []evidence.Rejection
	reject := func(o object.Object, reason string) {
		mu.Lock()
		defer mu.Unlock()
		rejections = append(rejections, evidence.Rejection{Object: object.RefOf(o).String(), Reason: reason})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for kind, of := range byKind(slices.Concat(missing.objects(), objects)) {
		if defined[kind.GroupKind()] {
			continue
		}
		r, err := k.resolve(ctx, kind)
		if err != nil && !errors.Is(err, failure.ErrNotFound) {
			group.Go(func() error { return err })
			break
		}
		for _, o := range of {
			if err != nil {
				reject(o, fmt.Sprintf("the cluster does not serve %s %s", kind.GroupVersion(), kind.Kind))
				continue
			}
			group.Go(func() error {
				reason, err := k.tryOne(ctx, r, o, missing[o.GetNamespace()])
				if err == nil && reason != "" {
					reject(o, reason)
				}
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	slices.SortFunc(rejections, func(a, b evidence.Rejection) int {
		return strings.Compare(a.Object+"\x00"+a.Reason, b.Object+"\x00"+b.Reason)
	})
	return slices.Compact(rejections), nil
}

// tryOne returns why the server would not take an object, or "" if it would.
func (k *Cluster) tryOne(ctx context.Context, r resource, o object.Object, homeless bool) (string, error) {
	ref := object.RefOf(o)
	o = o.DeepCopy()
	o.SetManagedFields(nil)
	unstructured.RemoveNestedField(o.Object, "status")
	force := true
	err := k.within(ctx, func(ctx context.Context) error {
		_, err := k.patch(ctx, k.client(r, ref), o, metav1.PatchOptions{Force: &force, DryRun: []string{metav1.DryRunAll}})
		return err
	})
	if !homeless || !namespaceMissing(err) || !r.namespaced {
		return judge(ref, err)
	}
	o.SetNamespace(standIn)
	// A creation: an object of the same name that is there by chance would lend its fields to an apply.
	err = k.within(ctx, func(ctx context.Context) error {
		_, err := k.dynamic.Resource(r.GroupVersionResource).Namespace(standIn).Create(ctx, o, metav1.CreateOptions{
			DryRun: []string{metav1.DryRunAll}, FieldManager: k.manager, FieldValidation: metav1.FieldValidationStrict,
		})
		if apierrors.IsAlreadyExists(err) {
			return nil // found out last of all: everything else was checked before
		}
		return err
	})
	reason, err := judge(ref, err)
	if reason != "" {
		reason += fmt.Sprintf(" (tried in namespace %s, because %s does not exist yet)", standIn, ref.Namespace)
	}
	return reason, err
}

func (k *Cluster) within(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// judge tells the server's rejection of an object from an error that says nothing of it.
func judge(ref object.Ref, err error) (reason string, other error) {
	status := statusOf(err)
	webhook := strings.Contains(status.Message, "failed calling webhook")
	switch kind := kindOf(err); {
	case err == nil:
		return "", nil
	case status.Status == "", errors.Is(kind, failure.ErrTransient) && !webhook, apierrors.IsUnauthorized(err):
		return "", wrap("dry run of", ref, err)
	case ref.Kind == "Secret" && ref.Group == "":
		return withoutValues(err), nil
	default:
		return status.Message, nil
	}
}

// byKind groups objects by their kind and version: one that is not served is looked for once, not once for each object.
func byKind(objects []object.Object) map[schema.GroupVersionKind][]object.Object {
	groups := map[schema.GroupVersionKind][]object.Object{}
	for _, o := range objects {
		groups[o.GroupVersionKind()] = append(groups[o.GroupVersionKind()], o)
	}
	return groups
}

// definedKinds are the kinds that CustomResourceDefinitions among the objects define.
func definedKinds(objects []object.Object) map[schema.GroupKind]bool {
	defined := map[schema.GroupKind]bool{}
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		defined[schema.GroupKind{Group: group, Kind: kind}] = true
	}
	return defined
}

// namespaces are those of a list of objects that do not exist in the cluster.
type namespaces map[string]bool

// missingNamespaces asks for every namespace of the objects.
func (k *Cluster) missingNamespaces(ctx context.Context, objects []object.Object) (namespaces, error) {
	missing := namespaces{}
	asked := map[string]bool{"": true}
	client := k.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	for _, o := range objects {
		name := o.GetNamespace()
		if asked[name] {
			continue
		}
		asked[name] = true
		err := k.within(ctx, func(ctx context.Context) error {
			_, err := client.Get(ctx, name, metav1.GetOptions{})
			return err
		})
		if apierrors.IsNotFound(err) {
			missing[name] = true
		} else if err != nil {
			return nil, wrap("get", namespaceRef(name), err)
		}
	}
	return missing, nil
}

// objects are the namespaces as EnsureNamespace would make them.
func (n namespaces) objects() []object.Object {
	var out []object.Object
	for name := range n {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(namespaceRef(name).GroupVersionKind())
		o.SetName(name)
		out = append(out, o)
	}
	return out
}

func namespaceRef(name string) object.Ref {
	return object.Ref{Version: "v1", Kind: "Namespace", Name: name}
}
