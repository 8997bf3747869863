package reconciler

import (
	"context"
	"errors"
	"reflect"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// secretTree is what the copy of the product's secrets should be while the marker stands at at, and its clients are to talk
// to an instance of their singletons; false if the estate names no roots, so that there is nothing to copy.
func secretTree(d *desired, at estate.Marker, want evidence.Target) (evidence.SecretTree, bool) {
	m := d.migration
	from, _ := d.estate.Cluster(m.From.Cluster)
	to, _ := d.estate.Cluster(m.To.Cluster)
	if from.Secrets == "" || to.Secrets == "" {
		return evidence.SecretTree{}, false
	}
	t := evidence.SecretTree{From: from.Secrets, To: to.Secrets, Overwrite: phase.Overwrites(at)}
	for _, link := range m.Singletons {
		address := link.Address.To
		if want == evidence.TargetOld {
			address = link.Address.From
		}
		for _, client := range clientsOf(d, link) {
			t.Set = append(t.Set, evidence.SecretValue{
				Path: client.Namespace.String() + "/" + link.Address.Secret, Key: link.Address.Key, Value: address,
			})
		}
	}
	return t, true
}

// clientsOf are the clients of a singleton; the values repository has been checked to have them.
func clientsOf(d *desired, link estate.Link) []estate.Service {
	var out []estate.Service
	for _, name := range link.Clients {
		if s, ok := d.estate.Service(d.migration.Product, name); ok {
			out = append(out, s)
		}
	}
	return out
}

// observeSecrets compares the copy of the secrets with the original (steps 2, 9 and 11).
func (r *Reconciler) observeSecrets(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	t, ok := secretTree(d, k.course.at, phase.WantTarget(k.course.at, e, r.Now()))
	if !ok {
		return nil
	}
	if r.Secrets == nil {
		return unconfigured(d, "vault", "cutover.yaml names the secrets of its clusters")
	}
	if !reflect.DeepEqual(k.tree, t) { // what was compared with another one says nothing
		k.secrets.forget()
		k.tree = t
	}
	e.Secrets, err = k.secrets.get(r.Now(), secretsFor, func() (evidence.Secrets, error) { return r.Secrets.Compare(ctx, t) })
	return err
}

// unconfigured says that the migration needs a system whose address the daemon does not know.
func unconfigured(d *desired, section, why string) error {
	return &BadInput{Branch: d.migration.Branch, Commit: d.head, Err: errors.New(why + ", but the daemon's configuration has no section " + section)}
}
