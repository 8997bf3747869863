package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// obey performs a decision's actions. Those on one target follow each other in the decision's order, because a name may
// have to be free before it is taken; the others are independent, and one that fails stops none of them. It returns the
// branch's new head if an action moved it.
func (r *Reconciler) obey(ctx context.Context, o outlook, k *knowledge) (string, error) {
	x := effects{r: r, d: o.desired, e: &o.evidence, k: k, head: o.head}
	err := each(ctx, r.Width, byPlace(o.decision.Actions), func(ctx context.Context, actions []phase.Action) error {
		for _, a := range actions {
			if err := x.attempt(ctx, a); err != nil {
				return fmt.Errorf("step %d: %s %s: %w", a.Step, a.Verb, a.Target, err)
			}
			r.Log.InfoContext(ctx, "done", "step", a.Step, "verb", a.Verb, "target", a.Target, "reason", a.Reason, "key", a.Key)
		}
		return nil
	})
	for _, application := range x.stale {
		delete(k.have, application)
	}
	return x.head, err
}

// byPlace groups the actions of one Spinnaker application; every other action is a group of its own.
func byPlace(actions []phase.Action) [][]phase.Action {
	var groups [][]phase.Action
	at := map[string]int{}
	for _, a := range actions {
		application, _, _ := strings.Cut(a.Target, "/")
		pipelines := slices.Contains([]phase.Verb{phase.SavePipeline, phase.DeletePipeline, phase.FreezePipeline, phase.ThawPipeline}, a.Verb)
		if i, ok := at[application]; ok && pipelines {
			groups[i] = append(groups[i], a)
			continue
		}
		if pipelines {
			at[application] = len(groups)
		}
		groups = append(groups, []phase.Action{a})
	}
	return groups
}

// effects is what the actions of one decision share.
type effects struct {
	r *Reconciler
	d *desired
	e *evidence.Evidence

	mu    sync.Mutex // guards what follows
	k     *knowledge
	head  string   // of the branch, moved by the actions that commit
	stale []string // applications whose pipelines are to be asked for again
}

// attempt performs an action, unless it was refused a moment ago: asking again at once gives the same answer, and two more
// lines of the journal. What is done to the edge is always tried again.
func (x *effects) attempt(ctx context.Context, a phase.Action) error {
	what := fmt.Sprint(effectOf(a, x.d.head), a.Items)
	x.mu.Lock()
	err := x.k.refusal(what, x.r.Now())
	x.mu.Unlock()
	if err != nil {
		return err
	}
	err = x.journaled(ctx, a)
	edge := slices.Contains([]phase.Verb{phase.SetWeight, phase.BeginBake, phase.PassBake, phase.FailBake}, a.Verb)
	if errors.Is(err, failure.ErrRefused) && !edge {
		x.refuse(what, err)
	}
	return err
}

// effectOf names what an action does, as it was decided at a head of the branch.
func effectOf(a phase.Action, head string) string {
	return fmt.Sprint(a.Verb, " ", a.Target, " ", a.Key, " ", a.Weight, " at ", head)
}

// journaled performs an action between its intent and its result in the journal. That the traffic is back is noted in any
// case: what it was before must not look like a weight that is only to be put back.
func (x *effects) journaled(ctx context.Context, a phase.Action) error {
	back := a.Verb == phase.BeginBake && a.Weight == 0
	return x.r.journaled(ctx, x.d, x.k.course.at, a, back, func(ctx context.Context) error { return x.perform(ctx, a) })
}

func (x *effects) perform(ctx context.Context, a phase.Action) error {
	switch a.Verb {
	case phase.CommitFiles:
		return x.commitFiles(ctx)
	case phase.PinVersions:
		return x.pinVersions(ctx)
	case phase.MergeMain:
		return x.mergeMain(ctx)
	case phase.CopySecrets:
		return x.copySecrets(ctx, a.Items)
	case phase.TrustPrincipal:
		defer x.forget(func(k *knowledge) { k.roles.forget() })
		return x.r.Roles.Trust(ctx, a.Target, x.d.migration.Trust.Principal)
	case phase.SavePipeline:
		return x.savePipeline(ctx, a)
	case phase.DeletePipeline:
		return x.deletePipeline(ctx, a)
	case phase.FreezePipeline, phase.ThawPipeline:
		return x.freezePipeline(ctx, a)
	case phase.BlockReview, phase.UnblockReview:
		return x.markReview(ctx, a)
	case phase.CreateNamespace:
		cluster, err := x.r.cluster(x.d.migration.To.Cluster)
		if err != nil {
			return err
		}
		return cluster.EnsureNamespace(ctx, a.Target)
	case phase.Deploy:
		return x.deploy(ctx, a)
	case phase.RunSmoke:
		return x.runSmoke(ctx, a)
	case phase.RestartClient:
		return x.restartClient(ctx, a)
	case phase.SilenceAlarms, phase.ExpireSilence:
		return x.silence(ctx, a)
	case phase.SetWeight, phase.BeginBake, phase.PassBake, phase.FailBake:
		if phase.Raises(a, x.e) {
			if err := x.stillHead(ctx); err != nil {
				return err
			}
		}
		return x.r.move(ctx, x.d, x.e.Marker, x.e.Edge, a)
	}
	return errors.New("no such verb")
}

// stillHead asks git once more, and fails with failure.ErrConflict if the branch has moved since it was decided what to do:
// a look at slow systems takes long, and a rollback that was merged meanwhile must not see its weight rise.
func (x *effects) stillHead(ctx context.Context) error {
	heads, err := x.r.Source.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("whether %s has moved: %w", x.d.migration.Branch, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if now := heads[x.d.migration.Branch]; now != x.head {
		return fmt.Errorf("%w: %s has moved from %.10s to %.10s meanwhile", failure.ErrConflict, x.d.migration.Branch, x.head, now)
	}
	return nil
}

// forget drops what is known of something that was changed.
func (x *effects) forget(drop func(*knowledge)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	drop(x.k)
}

func (x *effects) commitFiles(ctx context.Context) error {
	m := x.d.migration
	return x.commit(ctx, estate.Change{
		Branch: m.Branch, Parent: x.d.head,
		Write: x.d.files.Write, Remove: x.d.files.Remove,
		Message: fmt.Sprintf("Generate stack %s of %s\n\nFrom stack %s, by the rewrite rules of %s/migration.yaml.\n",
			m.To.Stack, m.Product, m.From.Stack, m.Path),
	})
}

func (x *effects) commit(ctx context.Context, c estate.Change) error {
	head, err := x.r.Commits.Commit(ctx, c)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.head = head
	return nil
}

func (x *effects) savePipeline(ctx context.Context, a phase.Action) error {
	p, ok := x.pipeline(a.Key)
	if !ok {
		return fmt.Errorf("no pipeline has id %s", a.Key)
	}
	application := p.Document.Application()
	defer x.changed(application)
	if _, err := x.r.Applications.EnsureApplication(ctx, pipeline.Application{Name: application, Email: x.r.Email}); err != nil {
		return fmt.Errorf("application %s: %w", application, err)
	}
	err := x.r.Pipelines.Save(ctx, p.Document)
	if errors.Is(err, failure.ErrRefused) {
		x.refuse(savingOf(x.d, a.Key), err)
	}
	if err != nil {
		return err
	}
	x.r.done.saved.Add(1)
	return nil
}

func (x *effects) deletePipeline(ctx context.Context, a phase.Action) error {
	application, _, _ := strings.Cut(a.Target, "/")
	doc, ok := x.listed(application, a.Key)
	if !ok {
		return fmt.Errorf("application %s has no pipeline with id %s", application, a.Key)
	}
	defer x.changed(application)
	if err := x.r.Pipelines.Delete(ctx, doc); err != nil {
		return err
	}
	x.r.done.deleted.Add(1)
	return nil
}

// listed finds a pipeline among those that Gate had when the decision was taken.
func (x *effects) listed(application, id string) (pipeline.Document, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, doc := range x.k.have[application] {
		if doc.ID() == id {
			return doc, true
		}
	}
	return nil, false
}

// changed notes that what Gate has is not known any more, whether the write succeeded or not.
func (x *effects) changed(application string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stale = append(x.stale, application)
}

// refuse remembers that something was refused.
func (x *effects) refuse(what string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.k.refuse(what, err, x.r.Now())
}

// savingOf and deploymentOf name what can be refused: saving what a commit makes of a pipeline, and deploying what git
// names for a unit.
func savingOf(d *desired, pipelineID string) string { return pipelineID + " at " + d.head }
func deploymentOf(u *unit) string                   { return u.service.ServiceID.String() + " at " + u.digest }

func (x *effects) pipeline(id string) (generator.Pipeline, bool) {
	for _, p := range x.d.pipelines {
		if p.Document.ID() == id {
			return p, true
		}
	}
	return generator.Pipeline{}, false
}

func (x *effects) deploy(ctx context.Context, a phase.Action) error {
	u, ok := x.d.unit(a.Service)
	if !ok {
		return errors.New("git names no such service")
	}
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.k.deployments, a.Service)
		delete(x.k.units, a.Service)
	}()
	if u.mode == estate.Direct {
		x.mu.Lock()
		plan := x.k.units[a.Service].drift.Plan
		x.mu.Unlock()
		return x.r.write(ctx, x.d, u, plan)
	}
	doc := deployPipelines(x.d)[a.Service].Document
	c, ok := phase.ParseCorrelation(a.Key)
	if !ok {
		return fmt.Errorf("correlation id %q is not ours", a.Key)
	}
	id, err := x.r.Executions.Trigger(ctx, pipeline.Trigger{
		Application: doc.Application(), PipelineID: doc.ID(), CorrelationID: a.Key,
		Parameters: map[string]string{"version": u.stack.Version.String(), "valuesBranch": x.d.head},
	})
	if errors.Is(err, failure.ErrTransient) {
		// It may have started, and lists may not show it yet: it is looked for by its correlation id before it is started again.
		x.begun(a.Service, evidence.Deployment{Digest: c.Digest, Number: c.Number, Status: pipeline.NotStarted})
		return fmt.Errorf("the answer was lost: %w", err)
	}
	if errors.Is(err, failure.ErrRefused) {
		x.refuse(deploymentOf(u), fmt.Errorf("%s: %w", a.Service, err))
	}
	if err != nil {
		return err
	}
	x.r.done.deployments.Add(1)
	x.begun(a.Service, x.r.asDeployment(c, pipeline.Execution{Application: doc.Application(), ID: id, Status: pipeline.NotStarted}))
	return nil
}

// begun notes a deployment that was triggered, until a list shows it.
func (x *effects) begun(service estate.ServiceID, d evidence.Deployment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.k.started[service] = start{d, x.r.Now()}
}

func (d *desired) unit(id estate.ServiceID) (*unit, bool) {
	for _, u := range d.units {
		if u.service.ServiceID == id {
			return u, true
		}
	}
	return nil, false
}
