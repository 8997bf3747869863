package world

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// Kubernetes is a cluster as the program uses it: Observer, Applier, Surveyor and Workloads.
type Kubernetes struct {
	p *Process
	c *cluster
}

// port is the cluster as a system of its own, which may be away while the other one answers.
func (c *cluster) port() port { return portKubernetes + port(" "+c.name) }

// Capabilities implements reconciler.Observer.
func (k Kubernetes) Capabilities(ctx context.Context) (manifest.Capabilities, error) {
	return look(ctx, k.p, k.c.port(), "capabilities of "+k.c.name, false, func() (manifest.Capabilities, error) {
		return capabilities, nil
	})
}

// Live implements reconciler.Observer. The objects are the world's own: who changes them changes the world, so that the
// simulation is slow only where it has to be.
func (k Kubernetes) Live(ctx context.Context, set object.Set, refs []object.Ref) (object.Live, error) {
	return look(ctx, k.p, k.c.port(), fmt.Sprintf("live %s of %s", set, k.c.name), false, func() (object.Live, error) {
		asked := map[object.Ref]bool{}
		for _, ref := range refs {
			asked[ref.Key()] = true
		}
		id := set.ID()
		out := object.Live{Complete: true}
		for key, l := range k.c.objects {
			if asked[key] || l.partOf == id {
				out.Objects = append(out.Objects, l.object)
			}
		}
		slices.SortFunc(out.Objects, func(a, b object.Object) int { return object.RefOf(a).Compare(object.RefOf(b)) })
		return out, nil
	})
}

// EnsureNamespace implements reconciler.Applier.
func (k Kubernetes) EnsureNamespace(ctx context.Context, name string) error {
	return do(ctx, k.p, k.c.port(), fmt.Sprintf("namespace %s in %s", name, k.c.name), func() error {
		if k.c.hasNamespace(name) {
			return nil
		}
		k.p.w.judge.writesTo(k.p.w, k.c)
		k.c.namespace(name)
		return nil
	})
}

func (c *cluster) namespace(name string) {
	c.write(Manager, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": name, "labels": map[string]any{"app.kubernetes.io/managed-by": Manager},
	}})
}

// Apply implements reconciler.Applier.
func (k Kubernetes) Apply(ctx context.Context, set object.Set, objects []object.Object) error {
	return do(ctx, k.p, k.c.port(), fmt.Sprintf("apply %s to %s", set, k.c.name), func() error {
		k.p.w.judge.writesTo(k.p.w, k.c)
		for i, o := range objects {
			if err := k.between(i, object.RefOf(o)); err != nil {
				return err
			}
			if err := k.c.apply(set, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *cluster) apply(set object.Set, o object.Object) error {
	ref := object.RefOf(o)
	if !c.hasNamespace(ref.Namespace) {
		return fmt.Errorf("apply %s: %w: namespaces %q not found", ref, failure.ErrRefused, ref.Namespace)
	}
	l, exists := c.objects[ref.Key()]
	switch {
	case o.GetUID() != "" && (!exists || l.object.GetUID() != o.GetUID()):
		return fmt.Errorf("apply %s: %w: it is another object now", ref, failure.ErrConflict)
	case o.GetResourceVersion() != "" && (!exists || l.object.GetResourceVersion() != o.GetResourceVersion()):
		return fmt.Errorf("apply %s: %w: it was changed", ref, failure.ErrConflict)
	case o.GetUID() == "" && exists && l.object.GetLabels()[object.LabelPartOf] != set.ID():
		return fmt.Errorf("apply %s: %w: it exists and is not in the set", ref, failure.ErrConflict)
	}
	if exists {
		c.w.judge.applies(c.w, c, set, l.object)
	}
	o = o.DeepCopy()
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[object.LabelPartOf] = set.ID()
	o.SetLabels(labels)
	c.write(Manager, o.Object)
	return nil
}

// Prune implements reconciler.Applier.
func (k Kubernetes) Prune(ctx context.Context, set object.Set, refs []object.Ref) error {
	return do(ctx, k.p, k.c.port(), fmt.Sprintf("prune %s in %s", set, k.c.name), func() error {
		k.p.w.judge.writesTo(k.p.w, k.c)
		k.p.w.judge.prunes(k.p.w, k.c, set, refs)
		for i, ref := range refs {
			if err := k.between(i, ref); err != nil {
				return err
			}
			l, exists := k.c.objects[ref.Key()]
			if !exists {
				continue
			}
			if l.object.GetLabels()[object.LabelPartOf] != set.ID() {
				return fmt.Errorf("delete %s: %w: it is no member of the set any more", ref, failure.ErrConflict)
			}
			k.c.remove(ref.Key())
		}
		return nil
	})
}

// between lets the process die between two objects.
func (k Kubernetes) between(i int, ref object.Ref) error {
	if i == 0 {
		return nil
	}
	return k.p.crashPoint(fmt.Sprintf("%s in %s", ref, k.c.name), false)
}

// Survey implements reconciler.Surveyor.
func (k Kubernetes) Survey(ctx context.Context, releases []estate.Release) (evidence.Survey, error) {
	return look(ctx, k.p, k.c.port(), "survey of "+k.c.name, false, func() (evidence.Survey, error) {
		s := k.c.survey
		s.Free = k.c.free()
		for _, r := range releases {
			why := k.c.sick[r]
			s.Releases = append(s.Releases, evidence.Release{Release: r, Healthy: why == "", Reason: why})
		}
		return s, nil
	})
}

// DryRun implements reconciler.Surveyor.
func (k Kubernetes) DryRun(ctx context.Context, objects []object.Object) ([]evidence.Rejection, error) {
	return look(ctx, k.p, k.c.port(), "dry run in "+k.c.name, false, func() ([]evidence.Rejection, error) {
		var out []evidence.Rejection
		for _, o := range objects {
			ref := object.RefOf(o).String()
			if why := k.c.rejects[ref]; why != "" {
				out = append(out, evidence.Rejection{Object: ref, Reason: why})
			}
		}
		return out, nil
	})
}

// Version implements reconciler.Surveyor.
func (k Kubernetes) Version(ctx context.Context) (string, error) {
	return look(ctx, k.p, k.c.port(), "version of "+k.c.name, false, func() (string, error) { return k.c.survey.NewVersion, nil })
}

// Pods implements reconciler.Workloads.
func (k Kubernetes) Pods(ctx context.Context, namespace string, selector map[string]string) ([]object.Pod, error) {
	return look(ctx, k.p, k.c.port(), fmt.Sprintf("pods of %s in %s", namespace, k.c.name), false, func() ([]object.Pod, error) {
		var out []object.Pod
		for _, p := range k.c.pods {
			matches := p.namespace == namespace
			for key, value := range selector {
				matches = matches && p.labels[key] == value
			}
			if matches {
				out = append(out, object.Pod{Name: p.name, Ready: p.ready, Terminating: p.terminating, Scheduled: true, Annotations: maps.Clone(p.annotations)})
			}
		}
		slices.SortFunc(out, func(a, b object.Pod) int { return strings.Compare(a.Name, b.Name) })
		return out, nil
	})
}

// Restart implements reconciler.Workloads.
func (k Kubernetes) Restart(ctx context.Context, workload object.Ref, annotation, value string) error {
	return do(ctx, k.p, k.c.port(), fmt.Sprintf("restart %s in %s: %s=%s", workload, k.c.name, annotation, value), func() error {
		l, exists := k.c.objects[workload.Key()]
		if !exists {
			return fmt.Errorf("%w: %s", failure.ErrNotFound, workload)
		}
		have, _, _ := unstructured.NestedString(l.object.Object, "spec", "template", "metadata", "annotations", annotation)
		if have == value {
			return nil
		}
		k.p.w.judge.writesTo(k.p.w, k.c)
		k.c.write(restart, map[string]any{
			"apiVersion": l.object.GetAPIVersion(), "kind": workload.Kind,
			"metadata": map[string]any{"name": workload.Name, "namespace": workload.Namespace},
			"spec":     map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotation: value}}}},
		})
		return nil
	})
}

// SecretKey implements reconciler.Workloads.
func (k Kubernetes) SecretKey(ctx context.Context, secret object.Ref, key string, candidates []string) (int, error) {
	at := fmt.Sprintf("key %s of secret %s/%s in %s", key, secret.Namespace, secret.Name, k.c.name)
	return look(ctx, k.p, k.c.port(), at, false, func() (int, error) {
		l, exists := k.c.objects[object.Ref{Kind: "Secret", Namespace: secret.Namespace, Name: secret.Name}]
		if !exists {
			return -1, fmt.Errorf("%w: there is no such Secret", failure.ErrNotFound)
		}
		if _, there, _ := unstructured.NestedString(l.object.Object, "data", key); !there {
			return -1, fmt.Errorf("%w: it has no such key", failure.ErrNotFound)
		}
		return slices.Index(candidates, k.c.secretValue(secret.Namespace, secret.Name, key)), nil
	})
}
