package kube

import (
	"context"
	"fmt"
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

var (
	cronJobs = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
	jobs     = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
)

const (
	// instantiated is kubectl's mark of a Job that was not made by the CronJob's schedule.
	instantiated = "cronjob.kubernetes.io/instantiate"
	// madeFrom is our mark of a Job: the UID of the CronJob that it was made from.
	madeFrom = "cutover/made-from"
)

// RunCronJob makes a Job of that name from a CronJob's template, as "kubectl create job --from" does, suspended CronJobs
// too. A Job of that name which was made this way from the same CronJob is left as it is, whether it runs or has
// ended; any other is failure.ErrConflict. The CronJob owns the Job, so that it goes with it.
func (k *Cluster) RunCronJob(ctx context.Context, cronJob object.Ref, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	have, err := k.dynamic.Resource(cronJobs).Namespace(cronJob.Namespace).Get(ctx, cronJob.Name, metav1.GetOptions{})
	if err != nil {
		return wrap("run", cronJob, err)
	}
	from, err := into[batchv1.CronJob](have)
	if err != nil {
		return unreadable(have, err)
	}
	job, err := jobFrom(from, name)
	if err != nil {
		return fmt.Errorf("run %s: %w", cronJob, err)
	}
	ref := object.RefOf(job)
	client := k.dynamic.Resource(jobs).Namespace(cronJob.Namespace)
	written, err := client.Create(ctx, job, metav1.CreateOptions{FieldManager: k.manager})
	if apierrors.IsAlreadyExists(err) {
		there, err := client.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return wrap("get", ref, err)
		}
		if there.GetAnnotations()[madeFrom] != string(from.UID) {
			return fmt.Errorf("run %s: %w: a Job %s exists that was not made from it", cronJob, failure.ErrConflict, name)
		}
		return nil
	}
	if err != nil {
		return wrap("create", ref, err)
	}
	k.awaitWritten(ctx, jobs, written)
	return nil
}

// jobFrom is the Job that kubectl makes of a CronJob (kubectl/pkg/cmd/create/create_job.go), with our mark.
func jobFrom(from *batchv1.CronJob, name string) (*unstructured.Unstructured, error) {
	annotations := map[string]string{}
	maps.Copy(annotations, from.Spec.JobTemplate.Annotations)
	annotations[instantiated] = "manual"
	annotations[madeFrom] = string(from.UID)
	controller := true
	job := &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: from.Namespace, Name: name, Labels: from.Spec.JobTemplate.Labels, Annotations: annotations,
			// Without BlockOwnerDeletion, which asks for one more permission.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "batch/v1", Kind: "CronJob", Name: from.Name, UID: from.UID, Controller: &controller,
			}},
		},
		Spec: from.Spec.JobTemplate.Spec,
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(job)
	return &unstructured.Unstructured{Object: content}, err
}
