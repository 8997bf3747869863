package reconciler

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	podresource "k8s.io/component-helpers/resource"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// neededBy sums what the Pods that will come ask for: those that git names for the new cluster and that have no node there
// yet. What has one is no longer free.
func (r *Reconciler) neededBy(ctx context.Context, d *desired, to Workloads) (evidence.Resources, error) {
	needed, err := gather(ctx, r.Width, d.units, func(ctx context.Context, u *unit) (evidence.Resources, error) {
		var sum evidence.Resources
		if u.service.Class == estate.Exclusive {
			return sum, nil // it runs in one cluster at a time
		}
		for _, o := range u.draft {
			w := workloadOf(o, u.draft)
			missing, err := missingPods(ctx, to, o, w)
			if err != nil {
				return sum, err
			}
			sum.MilliCPU += missing * w.each.MilliCPU
			sum.Memory += missing * w.each.Memory
			sum.Pods += missing
		}
		return sum, nil
	})
	var sum evidence.Resources
	for _, n := range needed {
		sum.MilliCPU += n.MilliCPU
		sum.Memory += n.Memory
		sum.Pods += n.Pods
	}
	return sum, err
}

// missingPods counts how many Pods of a workload have no node yet.
func missingPods(ctx context.Context, to Workloads, o object.Object, w workload) (int64, error) {
	selector := selectorOf(o)
	if w.pods == 0 || len(selector) == 0 {
		return w.pods, nil
	}
	pods, err := to.Pods(ctx, o.GetNamespace(), selector)
	if err != nil {
		return 0, fmt.Errorf("pods of %s: %w", object.RefOf(o), err)
	}
	missing := w.pods
	for _, p := range pods {
		if p.Scheduled && !p.Terminating {
			missing--
		}
	}
	return max(missing, 0), nil
}

// workload is how many Pods an object makes, and what each asks for.
type workload struct {
	pods int64
	each evidence.Resources
}

// workloadOf reads what a workload asks for. A DaemonSet runs on nodes that exist already, and Jobs come and go: neither is
// counted.
func workloadOf(o object.Object, all []object.Object) workload {
	if o.GetKind() != "Deployment" && o.GetKind() != "StatefulSet" {
		return workload{}
	}
	var named struct {
		Spec struct {
			Replicas *int64                 `json:"replicas"`
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &named) != nil {
		return workload{} // the dry run tells what is wrong with it
	}
	// As the scheduler counts: init containers and what the Pod itself takes are in it.
	asks := podresource.PodRequests(&corev1.Pod{Spec: named.Spec.Template.Spec}, podresource.PodResourcesOptions{})
	w := workload{pods: 1, each: evidence.Resources{MilliCPU: asks.Cpu().MilliValue(), Memory: asks.Memory().Value()}}
	if named.Spec.Replicas != nil {
		w.pods = *named.Spec.Replicas
	}
	w.pods = max(w.pods, scaledTo(object.RefOf(o), all))
	return w
}

// scaledTo is the least number of Pods to which an autoscaler among the objects brings a workload; 0 if none does.
func scaledTo(ref object.Ref, all []object.Object) int64 {
	var least int64
	for _, o := range all {
		if o.GetKind() != "HorizontalPodAutoscaler" || o.GetNamespace() != ref.Namespace {
			continue
		}
		var scaler struct {
			Spec struct {
				MinReplicas    *int64 `json:"minReplicas"`
				ScaleTargetRef struct {
					Kind string `json:"kind"`
					Name string `json:"name"`
				} `json:"scaleTargetRef"`
			} `json:"spec"`
		}
		if runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &scaler) != nil {
			continue
		}
		if to := scaler.Spec.ScaleTargetRef; to.Kind == ref.Kind && to.Name == ref.Name && scaler.Spec.MinReplicas != nil {
			least = max(least, *scaler.Spec.MinReplicas)
		}
	}
	return least
}
