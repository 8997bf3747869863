package kube

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"cutover/reconciler/object"
)

// Pods lists the Pods of a namespace that a label selector matches, sorted by name: those that run or may run, and
// terminating ones until they are gone. A Pod whose containers have ended for ever, such as that of a Job that is done, is
// not listed. An empty selector matches all. The answer is the API server's own, not a cache's: that a Pod is gone
// decides whether its successor may start.
func (k *Cluster) Pods(ctx context.Context, namespace string, selector map[string]string) ([]object.Pod, error) {
	var pods []object.Pod
	o := metav1.ListOptions{LabelSelector: labels.Set(selector).String()}
	err := k.each(ctx, podKind, "pods", namespace, o, func(o *unstructured.Unstructured) error {
		pod, err := into[corev1.Pod](o)
		if err != nil {
			return unreadable(o, err)
		}
		terminating := pod.DeletionTimestamp != nil
		if ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed; ended && !terminating {
			return nil
		}
		pods = append(pods, object.Pod{
			Name: pod.Name, Ready: isReady(pod), Terminating: terminating, Scheduled: pod.Spec.NodeName != "", Annotations: pod.Annotations,
		})
		return nil
	})
	slices.SortFunc(pods, func(a, b object.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, err
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
