package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// observeFreeze tells what could still change the old stack (step 8).
func (r *Reconciler) observeFreeze(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	if begun := k.course.began(estate.Freeze).Commit; begun != k.freeze { // what was seen before it began is not all of it
		k.freeze = begun
		k.running.forget()
		k.open.forget()
		k.frozen.forget()
	}
	// First: without it what is let through would look as if it had come undone.
	if e.Freeze.Opened, err = r.opened(ctx, d, k); err != nil {
		return err
	}
	return errors.Join(r.observeStill(ctx, d, k, e), r.observeFrozenReviews(ctx, d, k, e))
}

// observeStill tells what Spinnaker could still change.
func (r *Reconciler) observeStill(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	if e.IsUnseen(evidence.ThePipelines) {
		return errors.New("the pipelines are not known") // none would look as if nothing ran
	}
	if err := r.observeFrozenPipelines(d, k, e); err != nil {
		return err
	}
	e.Freeze.Running, err = k.running.get(r.Now(), runningFor, func() ([]string, error) { return r.runningOld(ctx, e.Freeze) })
	if err == nil {
		k.hold(isStill(e.Freeze))
	}
	return err
}

func (r *Reconciler) observeFrozenReviews(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	if r.Reviews == nil {
		return nil
	}
	e.Freeze.Reviews, err = k.frozen.get(r.Now(), touchingFor, func() ([]evidence.FrozenReview, error) { return r.frozenReviews(ctx, d, k) })
	return err
}

// isStill tells whether nothing changes what the old cluster runs, but what break-glass lets through.
func isStill(f evidence.Freeze) bool {
	return len(f.Running)+len(f.Foreign) == 0 && !slices.ContainsFunc(f.Pipelines, func(p evidence.FrozenPipeline) bool {
		return !p.Frozen && !isOpened(f, p)
	})
}

// isOpened tells whether break-glass lets a pipeline's service through.
func isOpened(f evidence.Freeze, p evidence.FrozenPipeline) bool {
	return slices.ContainsFunc(f.Opened, func(o estate.BreakGlass) bool { return o.Service == p.Service.Name })
}

// longestBreakGlass is how long an exception from the freeze lasts at most, from the commit that names it.
const longestBreakGlass = 24 * time.Hour

// opened are the exceptions from the freeze that count now: they have not expired, and came by a reviewed pull request, or
// the configuration takes what is pushed for reviewed.
func (r *Reconciler) opened(ctx context.Context, d *desired, k *knowledge) ([]estate.BreakGlass, error) {
	if len(d.migration.Opened) == 0 {
		return nil, nil
	}
	commit, ok, err := r.History.LastChange(d.head, d.migration.BreakGlassPath())
	if err != nil || !ok {
		return nil, err
	}
	if !r.Pushed {
		if e, _, err := r.arrivalOf(ctx, &d.migration, commit, k); err != nil || !e.Reviewed {
			return nil, err
		}
	}
	var out []estate.BreakGlass
	for _, opened := range d.migration.Opened {
		if end := commit.When.Add(longestBreakGlass); opened.Until.After(end) {
			opened.Until = end
		}
		if r.Now().Before(opened.Until) {
			out = append(out, opened)
		}
	}
	return out, nil
}

// observeFrozenPipelines sorts out which of the services' pipelines are the old stack's: those that git names, by their
// application and name, and that carry our mark. Others that deploy to the old cluster are not ours to lock.
func (r *Reconciler) observeFrozenPipelines(d *desired, k *knowledge, e *evidence.Evidence) error {
	m := d.migration
	if d.old == nil {
		var err error
		if d.old, err = generator.Pipelines(d.estate, m.Product, m.From.Stack, r.Generator); err != nil {
			return fmt.Errorf("pipelines of stack %s: %w", m.From.Stack, err)
		}
	}
	from, _ := d.estate.Cluster(m.From.Cluster)
	named := map[string]estate.ServiceID{}
	for _, p := range d.old {
		named[pipelineName(p.Document)] = p.Service
	}
	ours := map[string]bool{}
	for _, p := range d.pipelines {
		ours[p.Document.ID()] = true
	}
	for _, docs := range k.have {
		for _, doc := range docs {
			_, frozen, tampered := pipeline.FrozenBy(doc)
			service, old := named[pipelineName(doc)]
			switch {
			case old && isOurs(doc):
				e.Freeze.Pipelines = append(e.Freeze.Pipelines, evidence.FrozenPipeline{
					ID: doc.ID(), Application: doc.Application(), Name: doc.Name(), Service: service,
					Frozen: frozen && !tampered, Tampered: tampered,
				})
			case !ours[doc.ID()] && !isDisabled(doc) && pipeline.DeploysTo(doc, from.Account):
				e.Freeze.Foreign = append(e.Freeze.Foreign, doc.Application()+"/"+doc.Name())
			}
		}
	}
	slices.Sort(e.Freeze.Foreign)
	slices.SortFunc(e.Freeze.Pipelines, func(a, b evidence.FrozenPipeline) int {
		return strings.Compare(a.Application+"/"+a.Name, b.Application+"/"+b.Name)
	})
	return nil
}

// pipelineName is what Spinnaker tells pipelines apart by: it does not look at the case.
func pipelineName(doc pipeline.Document) string {
	return strings.ToLower(doc.Application() + "/" + doc.Name())
}

func isDisabled(doc pipeline.Document) bool {
	disabled, _ := doc["disabled"].(bool)
	return disabled
}

// runningOld lists the executions of the old stack's pipelines that are under way.
func (r *Reconciler) runningOld(ctx context.Context, f evidence.Freeze) ([]string, error) {
	old, applications := map[string]string{}, []string{}
	for _, p := range f.Pipelines {
		if !isOpened(f, p) {
			old[p.ID] = p.Application + "/" + p.Name
		}
		applications = append(applications, p.Application)
	}
	lists, err := gather(ctx, r.Width, slices.Compact(applications), r.Executions.Running)
	if err != nil {
		return nil, fmt.Errorf("running executions: %w", err)
	}
	var out []string
	for _, list := range lists {
		for _, x := range list {
			if name, ok := old[x.PipelineID]; ok {
				out = append(out, fmt.Sprintf("%s of %s", x.ID, name))
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// freezeContext is the status that keeps developers' pull requests from being merged.
func freezeContext(d *desired) string { return "cutover/" + d.migration.Name.String() + "/frozen" }

// frozenReviews are the open pull requests into the base branch that touch the product's values.
func (r *Reconciler) frozenReviews(ctx context.Context, d *desired, k *knowledge) ([]evidence.FrozenReview, error) {
	open, err := r.openReviews(ctx, k)
	if err != nil {
		return nil, err
	}
	var found []evidence.FrozenReview
	for _, p := range open {
		if p.Base != r.Generator.Base {
			continue
		}
		paths, err := r.pathsOf(ctx, k, p)
		if err != nil {
			return nil, err
		}
		if services := touched(d, paths); len(services) > 0 {
			found = append(found, evidence.FrozenReview{Number: p.Number, Commit: p.Commit, URL: p.URL, Services: services})
		}
	}
	maps.DeleteFunc(k.blocked, func(commit string, _ *fresh[bool]) bool {
		return !slices.ContainsFunc(found, func(f evidence.FrozenReview) bool { return f.Commit == commit })
	})
	var commits []string // each once: several pull requests can have the same
	for _, f := range found {
		if !slices.Contains(commits, f.Commit) {
			commits = append(commits, f.Commit)
			entry(k.blocked, f.Commit)
		}
	}
	blocked, err := gather(ctx, r.Width, commits, func(ctx context.Context, commit string) (bool, error) {
		return k.blocked[commit].get(r.Now(), blockedFor, func() (bool, error) { return r.isBlocked(ctx, d, commit) })
	})
	if err != nil {
		return nil, err
	}
	for i, f := range found {
		found[i].Blocked = blocked[slices.Index(commits, f.Commit)]
	}
	return found, nil
}

// isBlocked tells whether a commit carries our failing status.
func (r *Reconciler) isBlocked(ctx context.Context, d *desired, commit string) (bool, error) {
	statuses, err := r.Conversations.Statuses(ctx, commit)
	if err != nil {
		return false, fmt.Errorf("statuses of developers' pull requests: %w", err)
	}
	return slices.ContainsFunc(statuses, func(s review.Status) bool {
		return s.Context == freezeContext(d) && s.State == review.Failure
	}), nil
}

// touched are the services of the product in whose directories some of the paths are, whether git names them already or
// not: one that comes during the freeze would be missing from the new cluster. All of them if nobody can tell.
func touched(d *desired, paths changedPaths) []estate.ServiceID {
	var out []estate.ServiceID
	if paths.untold != "" {
		for _, s := range d.estate.InStack(d.migration.Product, d.migration.From.Stack) {
			out = append(out, s.ServiceID)
		}
	}
	for _, path := range paths.list {
		if id, ok := estate.ServiceOf(path); ok && id.Product == d.migration.Product {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, estate.ServiceID.Compare)
	return slices.Compact(out)
}

// freezeReason is what developers read in a frozen pipeline and at their pull requests.
func freezeReason(d *desired) string {
	m := d.migration
	return fmt.Sprintf("Frozen while %s moves to %s (migration %s): deployments and changes of its values wait until it is over. To deploy a fix all the same, name the service in %s on %s by a reviewed pull request.",
		m.Product, m.To.Cluster, m.Name, m.BreakGlassPath(), m.Branch)
}

// freezePipeline freezes a pipeline, or gives it back its state from before.
func (x *effects) freezePipeline(ctx context.Context, a phase.Action) error {
	application, _, _ := strings.Cut(a.Target, "/")
	doc, ok := x.listed(application, a.Key)
	if !ok {
		return fmt.Errorf("%w: application %s has no pipeline with id %s", failure.ErrConflict, application, a.Key)
	}
	defer x.changed(application)
	defer x.forget(func(k *knowledge) { k.running.forget() }) // one may have begun before it was locked
	if a.Verb == phase.FreezePipeline {
		doc = pipeline.Freeze(doc, freezeReason(x.d))
	} else if doc, ok = pipeline.Thaw(doc); !ok {
		return nil // somebody has thawed it
	}
	return x.r.Pipelines.Save(ctx, doc)
}

// markReview tells a developer's pull request whether it may be merged.
func (x *effects) markReview(ctx context.Context, a phase.Action) error {
	defer x.forget(func(k *knowledge) {
		k.frozen.forget()
		delete(k.blocked, a.Key)
	})
	s := review.Status{Context: freezeContext(x.d), State: review.Failure, Text: "Frozen while " + x.d.migration.Product.String() + " moves; see migration " + x.d.migration.Name.String()}
	if a.Verb == phase.UnblockReview {
		s.State, s.Text = review.Success, "Not frozen"
	}
	return x.r.Conversations.SetStatus(ctx, a.Key, s)
}
