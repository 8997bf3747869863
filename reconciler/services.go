package reconciler

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/drift"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// observeOld looks at what the old cluster runs of every service. It is a look of its own: whether the services of the new
// cluster are fit for traffic must not be unknown because the old one is away.
func (r *Reconciler) observeOld(ctx context.Context, d *desired, k *knowledge, _ *evidence.Evidence) error {
	for _, u := range d.units { // entries are made here: many are asked for at once
		k.versionOf(u.service.ServiceID)
		k.podCountOf(u.service.ServiceID)
	}
	_, err := gather(ctx, r.Width, d.units, func(ctx context.Context, u *unit) (running, error) {
		id := u.service.ServiceID
		if u.service.Class == estate.Exclusive {
			if _, err := k.pods[id].get(r.Now(), workloadFor, func() (podCount, error) { return r.countPods(ctx, d, u) }); err != nil {
				return running{}, err
			}
		}
		return k.versions[id].get(r.Now(), workloadFor, func() (running, error) { return r.runningVersion(ctx, d, u) })
	})
	return err
}

// observeServices looks at every service of the new stack. What the old cluster runs is as it was seen last.
func (r *Reconciler) observeServices(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) error {
	deploys := deployPipelines(d)
	seen, err := gather(ctx, r.Width, d.units, func(ctx context.Context, u *unit) (seen, error) {
		return r.observeUnit(ctx, d, u, deploys, k)
	})
	if err != nil {
		return err
	}
	out := make([]evidence.Service, len(d.units))
	for i, u := range d.units {
		s := seen[i]
		id := u.service.ServiceID
		k.units[id] = s.standing
		if delete(k.deployments, id); s.asked { // what nobody asked for is not known to be empty
			k.deployments[id] = s.history
		}
		if s.history.listed {
			delete(k.started, id)
		}
		out[i] = evidence.Service{
			ID: id, Class: u.service.Class,
			Running: s.running.version, Unknown: s.running.unknown, Pinned: u.stack.Version,
			OldPods: s.pods.old, NewPods: s.pods.new,
			Wanted: u.digest, Deployments: s.history.ours, Occupied: s.history.occupied,
			Ready: s.standing.ready, Status: s.standing.status, Present: s.present,
			Blocked: r.blocked(u, s.standing.drift, k),
		}
	}
	e.Services = out
	return r.noteDrift(ctx, d, k, e)
}

// blocked says why a unit must not be deployed as git names it. A refused object blocks it too: Spinnaker would
// overwrite what is not ours.
func (r *Reconciler) blocked(u *unit, found drift.Entry, k *knowledge) string {
	switch {
	case u.err != nil:
		return u.err.Error()
	case found.Error != "":
		return found.Error
	case len(found.Plan.Refused) > 0:
		first := found.Plan.Refused[0]
		return fmt.Sprintf("%s: %s: %s", u.service.ServiceID, first.Ref, first.Reason)
	}
	if err := k.refusal(deploymentOf(u), r.Now()); err != nil {
		return err.Error()
	}
	return ""
}

// seen is what was observed of one unit.
type seen struct {
	running  running
	pods     podCount
	standing standing
	history  history
	asked    bool // history is all that there is
	present  string
}

// observeUnit reads k, which nobody writes meanwhile.
func (r *Reconciler) observeUnit(ctx context.Context, d *desired, u *unit, deploys map[estate.ServiceID]generator.Pipeline, k *knowledge) (seen, error) {
	var s seen
	var err error
	id := u.service.ServiceID
	s.running, s.pods = k.versions[id].value, k.pods[id].value
	if u.service.Class == estate.Exclusive {
		s.present, err = r.presence(ctx, d, u)
		return s, err
	}
	if u.stack.Version.IsZero() || u.objects == nil {
		return s, nil
	}
	if s.standing, err = r.observeStanding(ctx, d, u, k); err != nil || s.standing.drift.Error != "" {
		return s, err
	}
	if p, ok := deploys[id]; ok && u.mode == estate.ByPipeline {
		s.history, err = r.observeDeployments(ctx, u, p.Document, k)
	}
	s.asked = err == nil
	if len(s.history.ours) == 0 && u.asDeployed(s.standing) {
		s.history.ours = []evidence.Deployment{{Digest: u.digest, Status: pipeline.Succeeded}}
	}
	return s, err
}

// asDeployed tells whether the new cluster has exactly what git names, all of it members of our set. Then the unit was
// deployed, also if Spinnaker has forgotten the execution, or if there never is one because the stack is deployed
// directly.
func (u *unit) asDeployed(s standing) bool {
	plan := s.drift.Plan
	return s.digest == u.digest && plan.Same > 0 && len(plan.Apply)+len(plan.Refused) == 0
}

// presence says which workload of an exclusive service the new cluster has, or "" if it has none.
func (r *Reconciler) presence(ctx context.Context, d *desired, u *unit) (string, error) {
	if u.workload == (object.Ref{}) {
		return "", nil
	}
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return "", err
	}
	live, err := cluster.Live(ctx, u.set, []object.Ref{u.workload})
	if err != nil {
		return "", fmt.Errorf("%s in %s: %w", u.workload, d.migration.To.Cluster, err)
	}
	for _, o := range live.Objects {
		if object.RefOf(o).Key() == u.workload.Key() {
			return u.workload.String(), nil
		}
	}
	return "", nil
}

// running is the version that the old cluster runs, or why it is unknown.
type running struct {
	version estate.Version
	unknown string
}

// runningVersion reads which version the old cluster runs from the image of the old stack's workload.
func (r *Reconciler) runningVersion(ctx context.Context, d *desired, u *unit) (running, error) {
	from, old := d.migration.From, u.old
	switch {
	case u.oldErr != nil:
		return running{unknown: u.oldErr.Error()}, nil
	case old.image == "":
		return running{unknown: fmt.Sprintf("no object that git names for stack %s runs an image of the service's version", from.Stack)}, nil
	}
	cluster, err := r.cluster(from.Cluster)
	if err != nil {
		return running{}, err
	}
	live, err := cluster.Live(ctx, u.set, []object.Ref{old.workload})
	if err != nil {
		return running{}, fmt.Errorf("%s in %s: %w", old.workload, from.Cluster, err)
	}
	for _, o := range live.Objects {
		if object.RefOf(o).Key() != old.workload.Key() {
			continue
		}
		if v, ok := manifest.WorkloadVersion(o, old.image); ok {
			return running{version: v}, nil
		}
		return running{unknown: fmt.Sprintf("%s does not run image %s", old.workload, old.image)}, nil
	}
	return running{unknown: fmt.Sprintf("%s does not exist", old.workload)}, nil
}

// podCount is how many Pods of an exclusive service each cluster has, terminating ones too.
type podCount struct{ old, new int }

func (r *Reconciler) countPods(ctx context.Context, d *desired, u *unit) (podCount, error) {
	var n podCount
	for _, side := range []struct {
		cluster estate.ClusterName
		program program
		count   *int
	}{{d.migration.From.Cluster, u.old, &n.old}, {d.migration.To.Cluster, u.program, &n.new}} {
		c, err := r.cluster(side.cluster)
		if err != nil {
			return n, err
		}
		pods, err := podsOf(ctx, c, side.program)
		if err != nil {
			return n, fmt.Errorf("%s: %w", side.cluster, err)
		}
		*side.count = len(pods)
	}
	return n, nil
}

// observeStanding compares a unit's objects with what the new cluster holds.
func (r *Reconciler) observeStanding(ctx context.Context, d *desired, u *unit, k *knowledge) (standing, error) {
	if s, ok := k.units[u.service.ServiceID]; ok && s.digest == u.digest {
		return s, nil
	}
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return standing{}, err
	}
	live, err := cluster.Live(ctx, u.set, u.refs())
	if err != nil {
		return standing{}, fmt.Errorf("%s in %s: %w", u.set, d.migration.To.Cluster, err)
	}
	s := standing{digest: u.digest, drift: drift.Entry{Set: u.set, Unlisted: live.Missing}}
	if s.drift.Plan, err = drift.Decide(u.set, u.objects, live, r.Drift); err != nil {
		s.drift.Error = err.Error() // this concerns one service, and must not stop the others
		return s, nil
	}
	if u.mode == estate.ByPipeline {
		// A Job that is gone has run: with its time to live it goes by itself, and must not run again.
		s.drift.Plan.Apply = slices.DeleteFunc(s.drift.Plan.Apply, func(diff drift.Difference) bool {
			return diff.Kind == drift.Missing && diff.Ref.Group == "batch" && diff.Ref.Kind == "Job"
		})
	}
	s.drift.Health, s.drift.Reason = drift.Health(liveOf(u, live))
	s.ready, s.status = s.drift.Health == drift.Current, s.drift.Reason
	for _, diff := range s.drift.Plan.Apply {
		if diff.Kind != drift.Unmarked {
			s.ready, s.status = false, fmt.Sprintf("%s: %s", diff.Ref, diff.Reason)
			break
		}
	}
	return s, nil
}

// liveOf are the live objects that git names.
func liveOf(u *unit, live object.Live) []object.Object {
	named := map[object.Ref]bool{}
	for _, ref := range u.refs() {
		named[ref.Key()] = true
	}
	return slices.DeleteFunc(slices.Clone(live.Objects), func(o object.Object) bool { return !named[object.RefOf(o).Key()] })
}

// recent is how many executions of a pipeline are looked at.
const recent = 20

// observeDeployments lists the executions of a unit's pipeline.
func (r *Reconciler) observeDeployments(ctx context.Context, u *unit, doc pipeline.Document, k *knowledge) (history, error) {
	id := u.service.ServiceID
	if known, ok := k.deployments[id]; ok && known.ended() {
		return known, nil
	}
	executions, err := r.Executions.Recent(ctx, doc.Application(), doc.ID(), recent)
	if err != nil {
		return history{}, fmt.Errorf("executions of %s: %w", id, err)
	}
	var h history
	for _, x := range executions {
		c, ok := phase.ParseCorrelation(x.CorrelationID)
		switch {
		case ok && c.Service == id.Name:
			h.ours = append(h.ours, r.asDeployment(c, x))
		case !x.Status.Complete():
			h.occupied = x.ID
		}
	}
	slices.SortStableFunc(h.ours, func(a, b evidence.Deployment) int { return b.Number - a.Number })
	return r.withStarted(ctx, h, k.started[id])
}

func (r *Reconciler) asDeployment(c phase.Correlation, x pipeline.Execution) evidence.Deployment {
	return evidence.Deployment{
		Digest: c.Digest, Number: c.Number, ID: x.ID, URL: r.executionURL(x.Application, x.ID), Status: x.Status, Reason: x.Reason, Ended: x.Ended,
	}
}

// executionURL is the page of an execution in Deck, Spinnaker's user interface; "" if that is not known.
func (r *Reconciler) executionURL(application, id string) string {
	if r.SpinnakerUI == "" {
		return ""
	}
	return strings.TrimRight(r.SpinnakerUI, "/") + "/#/applications/" + url.PathEscape(application) + "/executions/details/" + url.PathEscape(id)
}

// unseen is how long an execution that Spinnaker does not know is taken for one that it does not know yet.
const unseen = 10 * time.Minute

// listedWithin is how long after its trigger an execution may be missing from Spinnaker's lists.
const listedWithin = 15 * time.Second

// withStarted adds the deployment that we started, or may have started, and that no list shows: Spinnaker may list an
// execution a while after it has answered the trigger, and others may push it out of the list.
func (r *Reconciler) withStarted(ctx context.Context, h history, s start) (history, error) {
	if h.listed = s.at.IsZero() || len(h.ours) > 0 && h.ours[0].Number >= s.Number; h.listed {
		return h, nil
	}
	if s.ID == "" { // the answer was lost
		if h.listed = r.Now().Sub(s.at) > listedWithin; !h.listed {
			h.ours = slices.Insert(h.ours, 0, s.Deployment)
		}
		return h, nil
	}
	x, err := r.Executions.Execution(ctx, s.ID)
	switch {
	case errors.Is(err, failure.ErrNotFound) && r.Now().Sub(s.at) > unseen:
		h.listed = true // it is gone: the list is all there is
		return h, nil
	case errors.Is(err, failure.ErrNotFound):
	case err != nil:
		return history{}, fmt.Errorf("execution %s: %w", s.ID, err)
	default:
		s.Status, s.Reason, s.Ended = x.Status, x.Reason, x.Ended
	}
	h.ours = slices.Insert(h.ours, 0, s.Deployment)
	return h, nil
}
