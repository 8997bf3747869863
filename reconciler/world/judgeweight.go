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
	if weight <= j.ledger.weight {
		return // it stood before the proxies lost it, and what else is broken keeps the world as it was
	}
	var names []string
	for _, x := range all {
		names = append(names, x.name)
	}
	j.climbs(w, names, weight)
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
	for _, s := range w.estate.InStack(w.migration.Product, w.migration.From.Stack) {
		if why := j.unready(w, s); why != "" {
			w.breach("traffic", "%s %s", s.Name, why)
		}
	}
}

// unready says what a service lacks in the new cluster; "" if nothing, or if the program cannot know.
func (j *judge) unready(w *World, s estate.Service) string {
	c := w.clusters[w.migration.To.Cluster.String()]
	if s.Class == estate.Exclusive || j.excused(thingIn(c.name, s.Name.String())) {
		return ""
	}
	return c.lacks(s)
}

// lacks says what a service lacks in a cluster; "" if nothing.
func (c *cluster) lacks(s estate.Service) string {
	key := workloadOf(s)
	l, ok := c.objects[key]
	if !ok {
		return "does not run in " + c.name
	}
	spec, _ := l.object.Object["spec"].(map[string]any)
	want, ready := replicasOf(spec), 0
	for _, p := range c.podsOf(key) {
		if p.ready {
			ready++
		}
	}
	if ready < want {
		return fmt.Sprintf("has %d of %d Pods ready in %s", ready, want, c.name)
	}
	return ""
}

func workloadOf(s estate.Service) object.Ref {
	return object.Ref{Group: "apps", Kind: "Deployment", Namespace: s.Namespace.String(), Name: s.Name.String()}
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
		case at.Phase < estate.Freeze && !pipeline.Same(before, d.Document):
			w.breach("frozen", "%s of %s is not as it was before the freeze", d.Name(), d.Application())
		case at.Phase < estate.Freeze && frozen:
			w.breach("frozen", "%s of %s is still frozen", d.Name(), d.Application())
		case at.Phase >= estate.Freeze && at.Phase <= estate.Cutover && (!frozen || tampered) && !w.isOpen(d.Application()) && !w.judge.tampered(d.Application()):
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
		if x.to.weight != at.Weight {
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
