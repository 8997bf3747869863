package reconciler

import (
	"context"
	"fmt"
	"slices"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/drift"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// observe gathers the evidence that the phase decides on. What k knows is not asked again.
func (r *Reconciler) observe(ctx context.Context, d *desired, k *knowledge) (phase.Evidence, error) {
	var err error
	e := phase.Evidence{Marker: d.marker, Files: d.pending}
	if e.Pipelines, err = r.observePipelines(ctx, d, k); err != nil {
		return e, err
	}
	if d.migration.Marker.Phase < estate.Deploy {
		return e, nil
	}
	if e.Namespaces, err = r.observeNamespaces(ctx, d); err != nil {
		return e, err
	}
	e.Services, err = r.observeServices(ctx, d, k)
	return e, err
}

func (r *Reconciler) observePipelines(ctx context.Context, d *desired, k *knowledge) ([]phase.PipelineEvidence, error) {
	if err := r.listPipelines(ctx, d, k); err != nil {
		return nil, err
	}
	changes, err := r.pipelineChanges(d, k)
	if err != nil {
		return nil, err
	}
	var out []phase.PipelineEvidence
	for _, c := range changes {
		out = append(out, phase.PipelineEvidence{ID: c.ID, Application: c.Application, Name: c.Name, State: pipelineStates[c.Verb], Reason: c.Reason})
	}
	return out, nil
}

var pipelineStates = map[generator.Verb]phase.PipelineState{
	generator.Keep:   phase.PipelineSame,
	generator.Create: phase.PipelineMissing,
	generator.Update: phase.PipelineDiffers,
	generator.Delete: phase.PipelineObsolete,
	generator.Refuse: phase.PipelineIsForeign,
}

func (r *Reconciler) pipelineChanges(d *desired, k *knowledge) ([]generator.Change, error) {
	var have []pipeline.Document
	for _, docs := range k.have {
		have = append(have, docs...)
	}
	return generator.Plan(d.pipelines, have, r.Generator)
}

// listPipelines asks Gate for the pipelines of every application that the new stack has, or had.
func (r *Reconciler) listPipelines(ctx context.Context, d *desired, k *knowledge) error {
	applications := map[string]bool{}
	for _, p := range d.pipelines {
		applications[p.Document.Application()] = true
	}
	for _, id := range d.migration.Listed {
		applications[id.Name.String()] = true
	}
	var ask []string
	for name := range applications {
		if _, known := k.have[name]; !known {
			ask = append(ask, name)
		}
	}
	slices.Sort(ask)
	lists, err := gather(ctx, ask, func(ctx context.Context, name string) ([]pipeline.Document, error) {
		return r.Pipelines.Pipelines(ctx, name)
	})
	if err != nil {
		return fmt.Errorf("list pipelines: %w", err)
	}
	for i, name := range ask {
		k.have[name] = lists[i]
	}
	return nil
}

func (r *Reconciler) observeNamespaces(ctx context.Context, d *desired) ([]estate.NamespaceName, error) {
	cluster, err := r.cluster(d.migration.To.Cluster)
	if err != nil {
		return nil, err
	}
	var missing []estate.NamespaceName
	for _, ns := range namespacesOf(d) {
		ref := object.Ref{Version: "v1", Kind: "Namespace", Name: ns.String()}
		live, err := cluster.Live(ctx, object.Set{Namespace: ns.String()}, []object.Ref{ref})
		if err != nil {
			return nil, fmt.Errorf("namespace %s of %s: %w", ns, d.migration.To.Cluster, err)
		}
		if !slices.ContainsFunc(live.Objects, func(o object.Object) bool { return object.RefOf(o).Key() == ref.Key() }) {
			missing = append(missing, ns)
		}
	}
	return missing, nil
}

func namespacesOf(d *desired) []estate.NamespaceName {
	var out []estate.NamespaceName
	for _, u := range d.units { // sorted by namespace
		if ns := u.service.Namespace; len(out) == 0 || out[len(out)-1] != ns {
			out = append(out, ns)
		}
	}
	return out
}

func (r *Reconciler) observeServices(ctx context.Context, d *desired, k *knowledge) ([]phase.ServiceEvidence, error) {
	deploys := deployPipelines(d)
	seen, err := gather(ctx, d.units, func(ctx context.Context, u *unit) (seen, error) {
		return r.observeUnit(ctx, d, u, deploys, k)
	})
	if err != nil {
		return nil, err
	}
	out := make([]phase.ServiceEvidence, len(d.units))
	for i, u := range d.units {
		s := seen[i]
		id := u.service.ServiceID
		k.units[id], k.deployments[id] = s.standing, s.deployments
		out[i] = phase.ServiceEvidence{
			ID: id, Class: u.service.Class,
			Running: s.running, Unknown: s.unknown, Pinned: u.stack.Version,
			Wanted: u.digest, Deployments: s.deployments,
			Ready: s.standing.ready, Status: s.standing.status,
			Blocked: blocked(u, s.standing.drift),
		}
	}
	return out, nil
}

// blocked says why a unit must not be deployed as git names it. A refused object blocks it too: Spinnaker would
// overwrite what is not ours.
func blocked(u *unit, found drift.Entry) string {
	switch {
	case u.err != nil:
		return u.err.Error()
	case found.Error != "":
		return found.Error
	case len(found.Plan.Refused) > 0:
		first := found.Plan.Refused[0]
		return fmt.Sprintf("%s: %s: %s", u.service.ServiceID, first.Ref, first.Reason)
	}
	return ""
}

// seen is what was observed of one unit.
type seen struct {
	running     estate.Version
	unknown     string
	standing    standing
	deployments []phase.Deployment
}

// observeUnit reads k, which nobody writes meanwhile.
func (r *Reconciler) observeUnit(ctx context.Context, d *desired, u *unit, deploys map[estate.ServiceID]generator.Pipeline, k *knowledge) (seen, error) {
	var s seen
	var err error
	if u.stack.Version.IsZero() {
		s.running, s.unknown, err = r.runningVersion(ctx, d, u)
		return s, err
	}
	if u.service.Class == estate.Exclusive || u.objects == nil {
		return s, nil
	}
	if s.standing, err = r.observeStanding(ctx, d, u, k); err != nil || s.standing.drift.Error != "" {
		return s, err
	}
	if u.mode == estate.Direct {
		if len(s.standing.drift.Plan.Apply) == 0 {
			s.deployments = []phase.Deployment{{Digest: u.digest, Number: 1, Status: pipeline.Succeeded}}
		}
		return s, nil
	}
	if p, ok := deploys[u.service.ServiceID]; ok {
		s.deployments, err = r.observeDeployments(ctx, u, p.Document, k)
	}
	return s, err
}

// deployPipelines are the pipelines that deploy: the first one of each service's list.
func deployPipelines(d *desired) map[estate.ServiceID]generator.Pipeline {
	out := map[estate.ServiceID]generator.Pipeline{}
	for _, p := range d.pipelines {
		s, ok := d.estate.Service(p.Service.Product, p.Service.Name)
		if !ok {
			continue
		}
		if st, ok := s.Stack(p.Stack); ok && len(st.Pipelines) > 0 && st.Pipelines[0] == p.Template {
			out[p.Service] = p
		}
	}
	return out
}

// runningVersion reads which version the old cluster runs from the workload's image.
func (r *Reconciler) runningVersion(ctx context.Context, d *desired, u *unit) (estate.Version, string, error) {
	if u.err != nil {
		return estate.Version{}, u.err.Error(), nil
	}
	if u.image == "" {
		return estate.Version{}, "no object that git names runs an image of the service's version", nil
	}
	from := d.migration.From
	cluster, err := r.cluster(from.Cluster)
	if err != nil {
		return estate.Version{}, "", err
	}
	live, err := cluster.Live(ctx, u.set, []object.Ref{u.main})
	if err != nil {
		return estate.Version{}, "", fmt.Errorf("%s in %s: %w", u.main, from.Cluster, err)
	}
	for _, o := range live.Objects {
		if object.RefOf(o).Key() != u.main.Key() {
			continue
		}
		if v, ok := manifest.WorkloadVersion(o, u.image); ok {
			return v, "", nil
		}
		return estate.Version{}, fmt.Sprintf("%s does not run image %s", u.main, u.image), nil
	}
	return estate.Version{}, fmt.Sprintf("%s does not exist", u.main), nil
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
	s.drift.Health, s.drift.Reason = drift.Health(liveOf(u, live))
	s.ready, s.status = s.drift.Health == drift.Current, s.drift.Reason
	for _, diff := range s.drift.Plan.Apply {
		if diff.Kind == drift.Missing {
			s.ready, s.status = false, diff.Ref.String()+" does not exist"
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

// recent is how many executions of a pipeline are looked at: more than the retries of one deployment.
const recent = 20

// observeDeployments lists the executions that we started, newest first.
func (r *Reconciler) observeDeployments(ctx context.Context, u *unit, doc pipeline.Document, k *knowledge) ([]phase.Deployment, error) {
	id := u.service.ServiceID
	if known, ok := k.deployments[id]; ok && (len(known) == 0 || known[0].Status.Complete()) {
		return known, nil
	}
	executions, err := r.Executions.Recent(ctx, doc.Application(), doc.ID(), recent)
	if err != nil {
		return nil, fmt.Errorf("executions of %s: %w", id, err)
	}
	var out []phase.Deployment
	for _, x := range executions {
		c, ok := phase.ParseCorrelation(x.CorrelationID)
		if !ok || c.Service != id.Name {
			continue
		}
		out = append(out, phase.Deployment{Digest: c.Digest, Number: c.Number, ID: x.ID, Status: x.Status, Reason: x.Reason, Ended: x.Ended})
	}
	slices.SortStableFunc(out, func(a, b phase.Deployment) int { return b.Number - a.Number })
	// Spinnaker may list an execution a while after it has answered the trigger.
	if s, ok := k.started[id]; ok && (len(out) == 0 || out[0].Number < s.Number) {
		out = append([]phase.Deployment{s}, out...)
	}
	return out, nil
}
