package kube

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	podresource "k8s.io/component-helpers/resource"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

var (
	nodeKind = schema.GroupVersionKind{Version: "v1", Kind: "Node"}
	podKind  = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
)

// Version is the API server's version, such as v1.37.2. It is asked each time: a cluster may be upgraded.
func (k *Cluster) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	version, err := k.discovery.ServerVersionWithContext(ctx)
	if err != nil {
		return "", fmt.Errorf("version: %w: %w", kindOf(err), err)
	}
	return version.GitVersion, nil
}

// Survey reads the nodes, what is free on them, and how the releases stand. NewVersion is this cluster's own version; what
// is needed, what is not served and what is rejected is left to the caller.
func (k *Cluster) Survey(ctx context.Context, releases []estate.Release) (evidence.Survey, error) {
	var s evidence.Survey
	var err error
	if s.NewVersion, err = k.Version(ctx); err != nil {
		return evidence.Survey{}, fmt.Errorf("survey: %w", err)
	}
	if err := k.surveyNodes(ctx, &s); err != nil {
		return evidence.Survey{}, fmt.Errorf("survey: %w", err)
	}
	for _, r := range releases {
		release, err := k.release(ctx, r)
		if err != nil {
			return evidence.Survey{}, fmt.Errorf("survey of release %s: %w", r.Name, err)
		}
		s.Releases = append(s.Releases, release)
	}
	return s, nil
}

// surveyNodes counts the nodes, and sums what is free on those that are ready.
func (k *Cluster) surveyNodes(ctx context.Context, s *evidence.Survey) error {
	free := map[string]*evidence.Resources{} // by node
	err := k.each(ctx, nodeKind, "nodes", "", metav1.ListOptions{}, func(o *unstructured.Unstructured) error {
		node, err := into[corev1.Node](o)
		if err != nil {
			return unreadable(o, err)
		}
		takes, ready := stateOf(node)
		if takes {
			s.Nodes++
		}
		if takes && ready {
			s.NodesReady++
			a := node.Status.Allocatable
			free[node.Name] = &evidence.Resources{MilliCPU: a.Cpu().MilliValue(), Memory: a.Memory().Value(), Pods: a.Pods().Value()}
		}
		return nil
	})
	if err != nil {
		return err
	}
	running := metav1.ListOptions{FieldSelector: "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"}
	err = k.each(ctx, podKind, "pods", "", running, func(o *unstructured.Unstructured) error {
		pod, err := into[corev1.Pod](o)
		if err != nil {
			return unreadable(o, err)
		}
		if left, known := free[pod.Spec.NodeName]; known {
			requests := podresource.PodRequests(pod, podresource.PodResourcesOptions{})
			left.MilliCPU -= requests.Cpu().MilliValue()
			left.Memory -= requests.Memory().Value()
			left.Pods--
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, left := range free { // what one node lacks takes nothing from the others
		s.Free.MilliCPU += max(left.MilliCPU, 0)
		s.Free.Memory += max(left.Memory, 0)
		s.Free.Pods += max(left.Pods, 0)
	}
	return nil
}

// conditionTaints begin the keys of the taints that Kubernetes itself puts on a node that is not well, and takes away again.
var conditionTaints = []string{"node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "node.cilium.io/agent-not-ready"}

// stateOf tells whether a node is meant for the Pods of services, and whether it would take one now. One that is cordoned,
// or that somebody has tainted for other Pods, is not meant for them.
func stateOf(node *corev1.Node) (takes, ready bool) {
	if node.Spec.Unschedulable || node.DeletionTimestamp != nil {
		return false, false
	}
	well := true
	for _, t := range node.Spec.Taints {
		if t.Effect == corev1.TaintEffectPreferNoSchedule {
			continue
		}
		if !hasAnyPrefix(t.Key, conditionTaints) {
			return false, false
		}
		well = false
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return true, well && c.Status == corev1.ConditionTrue
		}
	}
	return true, false
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// unreadable is the error for an object of the server that its own types do not fit.
func unreadable(o *unstructured.Unstructured, err error) error {
	return fmt.Errorf("read %s: %w: %w", object.RefOf(o), failure.ErrRefused, err)
}
