package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// addressAnnotation, in the template of a client's Pods, is the mark of the address that they began with. Pods without it
// began before anything was switched, when the new cluster was whole in itself.
const addressAnnotation = "cutover/singleton"

// linkMark tells the addresses apart that a client's Pods can begin with: that of each instance, anew each time that the
// freeze began or was taken back. A Pod that starts while the Secret changes has the template's mark of before.
func linkMark(to evidence.Target, c *course) string {
	if c.linked() == "" && to == evidence.TargetNew {
		return ""
	}
	return fmt.Sprintf("%s.%.10s", to, c.linked())
}

// observeLinks tells which singleton every client talks to (step 11).
func (r *Reconciler) observeLinks(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) error {
	for _, link := range d.migration.Singletons {
		for _, client := range clientsOf(d, link) {
			l, err := r.observeLink(ctx, d, k.course, link, client)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", link.Service, client.ServiceID, err)
			}
			e.Links = append(e.Links, l)
		}
	}
	return nil
}

func (r *Reconciler) observeLink(ctx context.Context, d *desired, c *course, link estate.Link, client estate.Service) (evidence.Link, error) {
	m := d.migration
	l := evidence.Link{
		Singleton: link.Service, Client: client.ServiceID, Secret: link.Address.Secret, Key: link.Address.Key,
		// Whatever the old cluster's clients are told leads to the old singleton, until step 17.
		Old: evidence.TargetOld, New: evidence.TargetUnknown,
	}
	to, err := r.cluster(m.To.Cluster)
	if err != nil {
		return l, err
	}
	secret := object.Ref{Version: "v1", Kind: "Secret", Namespace: client.Namespace.String(), Name: link.Address.Secret}
	targets := []evidence.Target{evidence.TargetOld, evidence.TargetNew}
	at, err := to.SecretKey(ctx, secret, link.Address.Key, []string{link.Address.From, link.Address.To})
	switch {
	case errors.Is(err, failure.ErrNotFound):
	case err != nil:
		return l, err
	case at >= 0:
		l.New = targets[at]
	}
	l.Mark = linkMark(l.New, c)
	u, ok := d.unit(client.ServiceID)
	if !ok {
		return l, nil
	}
	pods, err := podsOf(ctx, to, u.program)
	if err != nil {
		return l, err
	}
	for _, p := range pods {
		if p.Terminating {
			continue
		}
		l.Pods++
		if p.Annotations[addressAnnotation] != l.Mark {
			l.Stale++
		}
	}
	return l, nil
}

// podsOf lists the Pods of a program.
func podsOf(ctx context.Context, c Workloads, p program) ([]object.Pod, error) {
	if len(p.selector) == 0 {
		return nil, nil
	}
	pods, err := c.Pods(ctx, p.workload.Namespace, p.selector)
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", p.workload, err)
	}
	return pods, nil
}

// selectorOf are the labels that a workload's Pods carry.
func selectorOf(o object.Object) map[string]string {
	for _, path := range [][]string{
		{"spec", "selector", "matchLabels"},                               // Deployment, StatefulSet, DaemonSet
		{"spec", "jobTemplate", "spec", "template", "metadata", "labels"}, // CronJob
		{"spec", "template", "metadata", "labels"},                        // Job
	} {
		if labels, ok, _ := unstructured.NestedStringMap(o.Object, path...); ok {
			return labels
		}
	}
	return nil
}

// restartClient lets a client's Pods read the address again.
func (x *effects) restartClient(ctx context.Context, a phase.Action) error {
	u, ok := x.d.unit(a.Service)
	if !ok {
		return fmt.Errorf("git names no service %s", a.Service)
	}
	cluster, err := x.r.cluster(x.d.migration.To.Cluster)
	if err != nil {
		return err
	}
	if a.Key == "" || !slices.ContainsFunc(x.e.Links, func(l evidence.Link) bool { return l.Client == a.Service && l.Mark == a.Key }) {
		return fmt.Errorf("%q is the mark of no address of %s", a.Key, a.Service)
	}
	defer x.forget(func(k *knowledge) { delete(k.units, a.Service) }) // it rolls out now
	return cluster.Restart(ctx, u.workload, addressAnnotation, a.Key)
}
