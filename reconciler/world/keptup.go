package world

import (
	"slices"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// patience is in how many passes in a row a proxy may lack the weight of the others, although nothing is in the way of
// giving it back: the keeper looks every second, and knows of what was in the way from the pass before.
const patience = 4

// keptUp judges at the beginning of a pass whether every proxy has the weight that all were given last.
func (j *judge) keptUp(w *World) {
	l := &j.ledger
	if w.options.Empty || w.migration.Name.IsZero() {
		return
	}
	l.doubt = l.doubt || w.suffers()
	lacking := ""
	for _, name := range w.migration.Edge.Proxies {
		if x := w.fleet[name]; x.to.weight != l.weight {
			lacking = name
		}
	}
	if lacking == "" || l.doubt || l.back || !j.undisturbed(w) {
		l.lost = 0
		return
	}
	if l.lost++; l.lost == patience {
		w.breach("traffic", "%s has not got back its weight of %d%%", lacking, l.weight)
	}
}

// undisturbed tells whether everything was well since the last pass began, so that nothing may keep the program from
// setting the weight that all proxies had.
func (j *judge) undisturbed(w *World) bool {
	m, x := w.migration, j.excuses
	if !x.failed.Before(x.looked) || w.now.Before(w.journal.full) {
		return false
	}
	for _, until := range w.outages {
		if w.now.Before(until) {
			return false
		}
	}
	for _, at := range x.troubled {
		if !at.Before(x.looked) {
			return false
		}
	}
	for _, p := range w.fleet {
		if !w.works(p) || w.now.Before(p.guarded) {
			return false
		}
	}
	stands := j.stands(w)
	if len(stands) != 1 || stands[0].at.Phase < estate.Canary || stands[0].at.Weight < j.ledger.weight {
		return false
	}
	head, main := w.git.commits[w.git.branches[m.Branch]], w.git.commits[w.git.branches[Main]]
	if _, problems := readEstate(head.tree); problems.Err() != nil || !w.git.ancestors(head)[main] || head.tree.at(m.BreakGlassPath()) != "" {
		return false
	}
	old, fresh := w.clusters[m.From.Cluster.String()], w.clusters[m.To.Cluster.String()]
	for _, s := range w.estate.InStack(m.Product, m.From.Stack) {
		if s.Class == estate.Exclusive {
			continue
		}
		if fresh.lacks(s) != "" || versionIn(old, workloadOf(s)) != versionIn(fresh, workloadOf(s)) {
			return false
		}
	}
	for _, l := range fresh.objects {
		if len(l.configs[person]) > 0 { // what people made of it by hand may not be what git names
			return false
		}
	}
	for id := range j.before {
		if disabled, _ := w.spinnaker.pipelines[id].Document["disabled"].(bool); !disabled {
			return false
		}
	}
	return !slices.ContainsFunc(w.spinnaker.executions, func(x *execution) bool { return !x.Status.Complete() }) && !w.secretsDiffer()
}

// versionIn is the version of a workload in a cluster; "" if it has none.
func versionIn(c *cluster, key object.Ref) string {
	l, ok := c.objects[key]
	if !ok {
		return ""
	}
	return versionOf(l.object)
}

// secretsDiffer tells whether the copy of the secrets lacks anything that the original has.
func (w *World) secretsDiffer() bool {
	m := w.migration
	from, to := w.clusters[m.From.Cluster.String()].secrets, w.clusters[m.To.Cluster.String()].secrets
	for _, path := range w.vault.below(from) {
		copied := w.vault.secrets[to+"/"+path].current()
		for key, value := range w.vault.secrets[from+"/"+path].current() {
			if !w.judge.address(w, path, key) && !sameValue(copied[key], value) {
				return true
			}
		}
	}
	return false
}
