package world

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// climbs judges a weight above the one that all proxies were given last: a merged marker asks for it, nobody has paused,
// people have approved, the weight before has proved itself, and every proxy takes part.
func (j *judge) climbs(w *World, names []string, weight int) {
	j.asked(w, weight)
	if before := stepBefore(w.migration, weight); before > 0 && !j.ledger.baked[before] {
		if why := j.ledger.unproven(w); j.ledger.weight != before {
			w.breach("traffic", "weight %d%% is set, and %d%% before it was not tried", weight, before)
		} else if why != "" {
			w.breach("traffic", "weight %d%% is set, and %d%% before it %s", weight, before, why)
		}
	}
	if len(names) < len(w.migration.Edge.Proxies) {
		w.breach("traffic", "weight %d%% is set at %s only", weight, strings.Join(names, ", "))
	}
	j.noted(w, weight)
	j.infrastructure(w)
}

// asked: a merged marker asks for the weight.
func (j *judge) asked(w *World, weight int) {
	stands := slices.DeleteFunc(j.stands(w), func(s stand) bool { return s.at.Phase < estate.Canary || s.at.Weight < weight })
	going := slices.DeleteFunc(slices.Clone(stands), func(s stand) bool { return s.at.Paused != "" })
	switch {
	case len(stands) == 0:
		w.breach("traffic", "no merged marker asks for weight %d%%", weight)
	case len(going) == 0:
		w.breach("traffic", "weight %d%% is set during a pause", weight)
	case !slices.ContainsFunc(going, w.approved):
		w.breach("traffic", "weight %d%% is set, and nobody has approved of the tests", weight)
	}
}

// approved tells whether a person has approved, under the pull request that began the freeze, of every test that needs it.
func (w *World) approved(s stand) bool {
	r, err := w.host.find(s.freeze)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(w.migration.Smoke, func(test estate.Smoke) bool {
		return test.Approval != "" && !slices.ContainsFunc(r.comments, func(c comment) bool {
			return !c.Ours && !c.At.Before(r.Merged.Truncate(time.Second)) && strings.Contains(c.Text, "/approve "+test.Name)
		})
	})
}

// noted: the note of the bake says that the weight is going to be set, so that a process that dies leaves nothing that
// nobody knows of.
func (j *judge) noted(w *World, weight int) {
	var bake evidence.Bake
	n, ok := w.journal.notes[noteKey(w.migration.Name, "bake")]
	if !ok || json.Unmarshal(n.Value, &bake) != nil || bake.Weight != weight {
		w.breach("journal", "weight %d%% is set before it is noted", weight)
	}
}

// The parts of the new cluster that the program believes for longer than a pass.
const (
	thingNodes   = "infrastructure"
	thingRejects = "admission"
	// believesNodes and believesRejects are for how long.
	believesNodes   = time.Minute
	believesRejects = 10 * time.Minute
)

// infrastructure: the new cluster is fit for what comes to it.
func (j *judge) infrastructure(w *World) {
	c := w.clusters[w.migration.To.Cluster.String()]
	if s := c.survey; s.NodesReady*100 < s.Nodes*90 && !j.unknown(j.excuses.troubled[thingNodes], believesNodes) {
		w.breach("order", "%d of %d nodes of %s are ready", s.NodesReady, s.Nodes, c.name)
	}
}

// order: services come after the infrastructure, and after all of the classes that they may need.
func (j *judge) order(w *World, service string) {
	j.infrastructure(w)
	c := w.clusters[w.migration.To.Cluster.String()]
	for ref, why := range c.rejects {
		if !c.holds(ref) && strings.HasSuffix(ref, "/"+service) && !j.unknown(j.excuses.troubled[thingRejects], believesRejects) {
			w.breach("order", "%s is deployed, and %s would not take %s: %s", service, c.name, ref, why)
		}
	}
	before := map[estate.Class][]estate.Class{
		estate.Singleton:      {estate.Stateless},
		estate.StatefulClient: {estate.Stateless, estate.Singleton},
	}[j.classes[service]]
	for _, s := range w.estate.InStack(w.migration.Product, w.migration.From.Stack) {
		if why := j.unready(w, s); why != "" && slices.Contains(before, s.Class) {
			w.breach("order", "%s is deployed before %s: %s", service, s.Name, why)
		}
	}
}

// holds tells whether the cluster has an object, by its reference in words.
func (c *cluster) holds(ref string) bool {
	for have := range c.objects {
		if have.String() == ref {
			return true
		}
	}
	return false
}
