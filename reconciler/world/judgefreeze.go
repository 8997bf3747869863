package world

import (
	"slices"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
)

// frozen: no pipeline of the old stack can be started, and none runs, but those that break-glass lets through.
func (j *judge) frozen(w *World) {
	for id := range j.before {
		d, ok := w.spinnaker.pipelines[id]
		if !ok {
			continue
		}
		if disabled, _ := d.Document["disabled"].(bool); !disabled && !w.isOpen(d.Application()) && !j.tampered(d.Application()) {
			w.breach("frozen", "%s of %s is not frozen, and traffic moves", d.Name(), d.Application())
		}
	}
	for _, x := range w.spinnaker.executions {
		if x.mark.Stack == w.migration.From.Stack.String() && !x.Status.Complete() && !j.glass[x.ID] && !j.unknown(x.Started, believesRunning) {
			w.breach("frozen", "%s, which %s started, runs, and traffic moves", x.ID, x.by)
		}
	}
}

// tampered tells whether somebody opened a pipeline that the program cannot know of yet.
func (j *judge) tampered(service string) bool {
	return j.unknown(j.excuses.troubled[thingPipelines(service)], believesPipelines)
}

// isOpen tells whether break-glass lets a service through, or did when the program looked: who names it, and that
// somebody approved of it, is in git.
func (w *World) isOpen(service string) bool {
	if at, shut := w.judge.excuses.troubled[thingGlass(service)]; shut && w.judge.unknown(at, believesBranch) {
		return true
	}
	c := w.git.commits[w.git.branches[w.migration.Branch]]
	if c == nil {
		return false
	}
	e, _ := readEstate(c.tree)
	m, _ := e.Migration(w.migration.Name)
	named := w.git.changes(c, m.BreakGlassPath(), 1)
	if len(named) == 0 || !w.host.brought(named[0].Hash) {
		return false
	}
	return slices.ContainsFunc(m.Opened, func(b estate.BreakGlass) bool {
		return b.Service.String() == service && (w.now.Before(b.Until) || w.judge.unknown(b.Until, 0))
	})
}

// shuts notes which services a new commit shuts out that break-glass let through: the program cannot know at once.
func (j *judge) shuts(w *World, branch, hash string) {
	m := w.migration
	before := w.git.commits[w.git.branches[branch]]
	if branch != m.Branch || before == nil || before.tree.at(m.BreakGlassPath()) == w.git.commits[hash].tree.at(m.BreakGlassPath()) {
		return
	}
	for service := range j.classes {
		if w.isOpen(service) {
			j.trouble(w, thingGlass(service))
		}
	}
}

// brought tells whether a pull request brought a commit.
func (h *host) brought(commit string) bool {
	return slices.ContainsFunc(h.requests, func(r *request) bool { return r.State == review.Merged && r.arrived[commit] })
}

// foreignRuns judges an execution of the old stack that a person started.
func (j *judge) foreignRuns(w *World, x *execution) {
	if w.isOpen(x.mark.Service) {
		j.glass[x.ID] = true
		return
	}
	if w.share() > 0 && !j.unmended(j.excuses.troubled[thingPipelines(x.mark.Service)], believesPipelines) {
		w.breach("frozen", "%s deploys %s to the old cluster while %.0f%% of the traffic is moved", x.by, x.mark.Service, 100*w.share())
	}
}

// merges judges a developer's pull request that gets merged.
func (j *judge) merges(w *World, r *request) {
	opened, byPerson := j.opened[r.Number]
	if !byPerson || r.Base != Main || w.share() == 0 || j.unmended(opened, believesReviews) {
		return
	}
	paths, err := w.paths(r)
	if err != nil || !slices.ContainsFunc(paths, func(path string) bool {
		service, ok := serviceAt(path)
		return ok && !w.isOpen(service)
	}) {
		return
	}
	w.breach("frozen", "pull request #%d of %s is merged while %.0f%% of the traffic is moved", r.Number, r.Author, 100*w.share())
}

// saves: of the old stack's pipelines only the freeze changes, and what it keeps or gives back is what was before;
// strangers' are not touched.
func (j *judge) saves(w *World, d, old pipeline.Document) {
	if w.options.Empty || old == nil {
		return
	}
	mark, owned := pipeline.OwnedBy(old)
	switch {
	case !owned:
		w.breach("owned", "pipeline %s of application %s carries no mark and was written over", d.Name(), d.Application())
	case mark.Stack == w.migration.From.Stack.String():
		thawed, frozen := pipeline.Thaw(d)
		if normal, err := pipeline.Normalize(thawed); err != nil || !pipeline.Same(normal, j.before[d.ID()]) {
			w.breach("owned", "pipeline %s of the old stack will not be as it was before its freeze", d.Name())
		}
		if frozen || w.isOpen(d.Application()) {
			return
		}
		if w.share() > 0 {
			w.breach("frozen", "%s was thawed while %.0f%% of the traffic is moved", d.Name(), 100*w.share())
		} else if j.frozenAt(w) {
			w.breach("frozen", "%s was thawed in the freeze", d.Name())
		}
	}
}

// edits notes how a person leaves a pipeline of the old stack: if it is not frozen, that is how it has to be again.
func (j *judge) edits(w *World, d pipeline.Document) {
	j.trouble(w, thingPipelines(d.Application()))
	if _, frozen, _ := pipeline.FrozenBy(d); !frozen {
		j.before[d.ID()] = w.spinnaker.pipelines[d.ID()].Document
	}
}
