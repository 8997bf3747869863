package kube

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/gitops/estate"
	"cutover/reconciler/drift"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

var (
	secretResource = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	// workloadKinds are the kinds by whose health a release is judged.
	workloadKinds = map[string]schema.GroupVersionKind{
		"deployments":  {Group: "apps", Version: "v1", Kind: "Deployment"},
		"statefulsets": {Group: "apps", Version: "v1", Kind: "StatefulSet"},
		"daemonsets":   {Group: "apps", Version: "v1", Kind: "DaemonSet"},
	}
)

const (
	instanceLabel       = "app.kubernetes.io/instance"
	releaseAnnotation   = "meta.helm.sh/release-name"
	releaseNSAnnotation = "meta.helm.sh/release-namespace"
)

// release tells how an infrastructure release stands. It is deployed if Helm's newest record of it says so, or, where a
// chart was only rendered with Helm, if there are workloads of it; it is healthy if all its workloads are, by kstatus. Of
// Helm's records only the labels are read.
func (k *Cluster) release(ctx context.Context, r estate.Release) (evidence.Release, error) {
	out := evidence.Release{Release: r}
	revision, status, err := k.newestRecord(ctx, r)
	if err != nil {
		return out, err
	}
	workloads, err := k.workloadsOf(ctx, r)
	if err != nil {
		return out, err
	}
	switch worst, reason := drift.Health(workloads); {
	case revision > 0 && status != "deployed":
		out.Reason = fmt.Sprintf("Helm's newest revision, %d, is %s", revision, status)
	case revision == 0 && len(workloads) == 0:
		out.Reason = fmt.Sprintf("namespace %s has no Helm release %s, and no workload with the label %s=%s", r.Namespace, r.Name, instanceLabel, r.Name)
	case worst != drift.Current:
		out.Reason = reason
	default:
		out.Healthy = true
	}
	return out, nil
}

// newestRecord is the number and the status of the release's newest revision, as Helm labels its Secrets; 0 if Helm has
// none.
func (k *Cluster) newestRecord(ctx context.Context, r estate.Release) (revision int, status string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	records, err := k.metadata.Resource(secretResource).Namespace(r.Namespace.String()).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{"owner": "helm", "name": r.Name}.String(),
	})
	if err != nil {
		return 0, "", wrap("list Helm's records in", object.Ref{Version: "v1", Kind: "Namespace", Name: r.Namespace.String()}, err)
	}
	for _, record := range records.Items {
		// What has no number is no record of Helm's.
		if n, err := strconv.Atoi(record.Labels["version"]); err == nil && n > revision {
			revision, status = n, record.Labels["status"]
		}
	}
	return revision, status, nil
}

// workloadsOf lists the workloads of a release in its namespace.
func (k *Cluster) workloadsOf(ctx context.Context, r estate.Release) ([]object.Object, error) {
	var found []object.Object
	for resource, kind := range workloadKinds {
		err := k.each(ctx, kind, resource, r.Namespace.String(), metav1.ListOptions{}, func(o *unstructured.Unstructured) error {
			if belongs(o, r) {
				found = append(found, o)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b object.Object) int { return object.RefOf(a).Compare(object.RefOf(b)) })
	return found, nil
}

// belongs tells whether a workload is of the release. Helm's annotation counts before the label, which a chart may set to
// anything.
func belongs(o *unstructured.Unstructured, r estate.Release) bool {
	if name := o.GetAnnotations()[releaseAnnotation]; name != "" {
		namespace := o.GetAnnotations()[releaseNSAnnotation]
		return name == r.Name && (namespace == "" || namespace == r.Namespace.String())
	}
	return o.GetLabels()[instanceLabel] == r.Name
}
