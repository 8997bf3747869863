package kube_test

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"cutover/reconciler/contract"
	"cutover/reconciler/object"
)

func TestContract(t *testing.T) {
	contract.Cluster(t, func(t *testing.T) contract.ClusterBench {
		b := newBench(t)
		return contract.ClusterBench{
			Cluster:    b.cluster,
			Namespace:  b.namespace,
			Eventually: b.eventually,
			Create: func(o object.Object) {
				t.Helper()
				if _, err := b.resource(o.GetKind()).Create(t.Context(), o, metav1.CreateOptions{FieldManager: "somebody"}); err != nil {
					t.Fatal(err)
				}
			},
			Get: func(ref object.Ref) object.Object {
				t.Helper()
				o, err := b.resource(ref.Kind).Get(t.Context(), ref.Name, metav1.GetOptions{})
				if apierrors.IsNotFound(err) {
					return nil
				}
				if err != nil {
					t.Fatal(err)
				}
				return o
			},
			Delete: func(ref object.Ref) {
				t.Helper()
				background := metav1.DeletePropagationBackground
				if err := b.resource(ref.Kind).Delete(t.Context(), ref.Name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// resource is a client of a kind in the test's namespace.
func (b *bench) resource(kind string) dynamic.ResourceInterface {
	b.Helper()
	name, known := map[string]string{
		"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps", "DaemonSet": "daemonsets.apps",
		"CronJob": "cronjobs.batch", "Job": "jobs.batch",
		"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services",
	}[kind]
	if !known {
		b.Fatalf("add the kind %s", kind)
	}
	return b.client(name)
}
