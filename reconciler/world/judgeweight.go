package world

import (
	"fmt"
	"slices"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/object"
)

// share is the largest part of the traffic, 0 to 1, that a proxy sends to the new cluster.
func (w *World) share() float64 {
	most := 0
	for _, x := range w.fleet {
		if w.works(x) {
			most = max(most, x.to.weight)
		}
	}
	return float64(most) / 100
}

// weighs judges a weight before it is set: more traffic goes only to a cluster that is whole, frozen and as the old one.
func (j *judge) weighs(w *World, p *Process, all []*proxy, weight int) {
	most := 0 // a proxy that lost its weight may be given it again
	for _, x := range all {
		most = max(most, x.to.weight)
	}
	if w.options.Empty || weight <= most {
		return
	}
	j.raises = true
	j.intent(w, p, portEdge)
	j.raises = false
	j.steps(w, weight)
	j.ready(w)
	j.tested(w)
	j.frozen(w)
	j.secrets(w, true)
	j.trust(w)
	j.parity(w)
}

// steps: a weight is one that git names.
func (j *judge) steps(w *World, weight int) {
	if !slices.ContainsFunc(w.migration.Edge.Steps, func(s estate.EdgeStep) bool { return s.Weight == weight }) {
		w.breach("traffic", "weight %d is none of the canary's", weight)
	}
}

// ready: every service of the product but the exclusive ones has all its Pods in the new cluster.
func (j *judge) ready(w *World) {
	c := w.clusters[w.migration.To.Cluster.String()]
	for _, s := range w.estate.InStack(w.migration.Product, w.migration.From.Stack) {
		if s.Class == estate.Exclusive || j.excused(thingIn(c.name, s.Name.String())) {
			continue
		}
		key := workloadOf(s)
		l, ok := c.objects[key]
		if !ok {
			w.breach("traffic", "%s does not run in %s", s.Name, c.name)
			continue
		}
		spec, _ := l.object.Object["spec"].(map[string]any)
		want, ready := replicasOf(spec), 0
		for _, p := range c.podsOf(key) {
			if p.ready {
				ready++
			}
		}
		if ready < want {
			w.breach("traffic", "%s has %d of %d Pods ready in %s", s.Name, ready, want, c.name)
		}
	}
}

func workloadOf(s estate.Service) object.Ref {
	return object.Ref{Group: "apps", Kind: "Deployment", Namespace: s.Namespace.String(), Name: s.Name.String()}
}

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

// tampered tells whether somebody opened a pipeline after the program looked at all of them.
func (j *judge) tampered(service string) bool {
	at, ok := j.excuses.troubled[thingPipelines(service)]
	return ok && !at.Before(j.excuses.asked)
}

// isOpen tells whether break-glass lets a service through, or did when the program looked: who names it, and that
// somebody approved of it, is in git.
func (w *World) isOpen(service string) bool {
	if w.judge.excused(thingGlass(service)) {
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
	if w.share() > 0 && !j.tampered(x.mark.Service) {
		w.breach("frozen", "%s deploys %s to the old cluster while %.0f%% of the traffic is moved", x.by, x.mark.Service, 100*w.share())
	}
}

// merges judges a developer's pull request that gets merged.
func (j *judge) merges(w *World, r *request) {
	opened, byPerson := j.opened[r.Number]
	if !byPerson || r.Base != Main || w.share() == 0 || j.unknown(opened, believesReviews) {
		return
	}
	w.breach("frozen", "pull request #%d of %s is merged while %.0f%% of the traffic is moved", r.Number, r.Author, 100*w.share())
}

// Rest judges a world in which nothing happens any more while the migration stands at a marker that counts: what has to
// be put back is put back, and what has to stand stands.
func (w *World) Rest(at estate.Marker) []Breach {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow(w.now)
	before := len(w.breaches)
	cause := w.cause
	w.cause = "coming to rest at " + at.String()
	defer func() { w.cause = cause }()
	w.restSilences(at)
	w.restPipelines(at)
	w.restWeights(at)
	for name, was := range w.judge.principals {
		for _, p := range was {
			if !slices.Contains(w.roles[name].principals, p) {
				w.breach("trust", "role %s lost %s", name, p)
			}
		}
	}
	return slices.Clone(w.breaches[before:])
}

func (w *World) restSilences(at estate.Marker) {
	ours := 0
	for _, s := range w.alarms.silences {
		if s.ours && w.active(s) {
			ours++
		}
	}
	switch {
	case len(w.migration.Alarms.Matchers) == 0:
	case at.Phase < estate.Canary && ours > 0:
		w.breach("silence", "%d silences are left", ours)
	case at.Phase == estate.Canary && at.Weight > 0 && ours != 1 && !w.judge.excused(thingSilences):
		w.breach("silence", "there are %d silences instead of one", ours)
	}
}

func (w *World) restPipelines(at estate.Marker) {
	for id, before := range w.judge.before {
		d := w.spinnaker.pipelines[id]
		_, frozen, tampered := pipeline.FrozenBy(d.Document)
		switch {
		case at.Phase < estate.Freeze && !pipeline.Same(before, d.Document) && w.judge.excuses.troubled[thingPipelines(d.Application())].IsZero():
			w.breach("frozen", "%s of %s is not as it was before the freeze", d.Name(), d.Application())
		case at.Phase < estate.Freeze && frozen:
			w.breach("frozen", "%s of %s is still frozen", d.Name(), d.Application())
		case at.Phase >= estate.Freeze && at.Phase <= estate.Cutover && (!frozen || tampered) && !w.isOpen(d.Application()):
			w.breach("frozen", "%s of %s is not frozen", d.Name(), d.Application())
		}
	}
}

func (w *World) restWeights(at estate.Marker) {
	for _, name := range w.migration.Edge.Proxies {
		x := w.fleet[name]
		if x.down != "" {
			continue
		}
		if at.Phase < estate.Canary && x.to.weight != 0 {
			w.breach("traffic", "%s has weight %d, and the migration stands at %s", name, x.to.weight, at)
		}
	}
}

// Proposed are the open pull requests of ours, for whoever plays the reviewers.
func (w *World) Proposed(base string) []review.PullRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []review.PullRequest
	for _, r := range w.host.requests {
		if r.State == review.Open && r.byUs && r.Base == base {
			out = append(out, r.PullRequest)
		}
	}
	return out
}

// Describe is the world in some lines, for a transcript.
func (w *World) Describe() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := fmt.Sprintf("%s, %d%% to the new cluster, %d executions, %d pull requests\n", w.now.UTC().Format(time.DateTime), int(100*w.share()), len(w.spinnaker.executions), len(w.host.requests))
	for _, r := range w.routes() {
		out += fmt.Sprintf("  %s: %d ready, talk to %v\n", r.cluster.name, r.ready, r.targets)
	}
	return out
}
