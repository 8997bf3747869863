package world

import (
	"slices"
	"strings"

	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// mergedMarker is a change of the marker that came by a merged pull request.
type mergedMarker struct {
	estate.Marker
	number  int    // of the pull request
	commit  string // that brought it to the branch
	meant   bool   // a trailer says that the phase is meant
	alone   bool   // nothing else came with it
	fetched bool   // the program has fetched a branch that has it
	lost    bool   // somebody has rewritten the branch, and it has it no more
}

// stand is where the migration may stand: by the markers that were merged, and by nothing that the program says. The rules
// are written a second time here, not called in package phase: a judge that asked it would never find it wrong.
type stand struct {
	at     estate.Marker
	freeze int // the pull request that began the freeze last
}

// comes notes the marker that a pull request brings to the migration's branch.
func (j *judge) comes(w *World, r *request, before, made *commit) {
	path := w.migration.MarkerPath()
	if r.Base != w.migration.Branch {
		return
	}
	// A rebase brings several commits, which may change the marker although it is in the end as somebody had pushed it.
	changes := func(c *commit) bool { p := w.git.parent(c); return p != nil && p.tree.at(path) != c.tree.at(path) }
	last := made
	for last != nil && last != before && !changes(last) {
		last = w.git.parent(last)
	}
	if last == nil || last == before {
		return
	}
	m := mergedMarker{number: r.Number, commit: made.Hash}
	if at, problems := values.ParseMarker(path, made.tree.files[path].data); problems.Err() == nil {
		m.Marker = at
	}
	others := func(p string) bool { return p != path }
	m.alone = !slices.ContainsFunc(differences(w.git.parent(last).tree, last.tree), others) && !slices.ContainsFunc(r.paths, others)
	for _, message := range append(slices.Clone(r.arrival.Messages), made.Message) {
		m.meant = m.meant || strings.Contains(message+"\n", "Cutover-Phase: "+m.Phase.String()+"\n")
	}
	j.markers = append(j.markers, m)
}

// fetches notes which markers the program knows from now on.
func (j *judge) fetches(w *World, heads estate.Heads) {
	head := w.git.commits[heads[w.migration.Branch]]
	if head == nil || !slices.ContainsFunc(j.markers, func(m mergedMarker) bool { return !m.fetched }) {
		return
	}
	line := w.git.ancestors(head)
	for i := range j.markers {
		j.markers[i].fetched = j.markers[i].fetched || line[w.git.commits[j.markers[i].commit]]
	}
}

// rewrites notes which markers the migration's branch loses by being moved.
func (j *judge) rewrites(w *World, branch, hash string) {
	head, old := w.git.commits[hash], w.git.commits[w.git.branches[branch]]
	if branch != w.migration.Branch || head == nil || old == nil || len(j.markers) == 0 {
		return
	}
	line := w.git.ancestors(head)
	if line[old] {
		return
	}
	for i := range j.markers {
		j.markers[i].lost = !line[w.git.commits[j.markers[i].commit]]
	}
}

// stands are the places where the migration may stand. There is more than one only while the program cannot know of a
// marker, or may never have seen one before somebody took it off the branch.
func (j *judge) stands(w *World) []stand {
	points := checkpoints(w.migration)
	all := []stand{{}}
	for _, m := range j.markers {
		var next []stand
		for _, s := range all {
			next = append(next, s.then(points, m))
		}
		if !m.fetched || m.lost {
			next = append(next, all...)
		}
		all = nil
		for _, s := range next {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// then is where the migration stands after one more marker.
func (s stand) then(points []estate.Marker, m mergedMarker) stand {
	if !m.counts(points, s.at) {
		return s
	}
	if m.Phase == estate.Freeze && s.at.Phase != estate.Freeze {
		s.freeze = m.number
	}
	s.at = m.Marker
	return s
}

// counts tells whether a marker may follow another one: forward to the next checkpoint only, if it is meant, and backward
// to any.
func (m mergedMarker) counts(points []estate.Marker, before estate.Marker) bool {
	here, was := upTo(points, m.Marker), upTo(points, before)
	again := m.Phase == before.Phase && m.Weight == before.Weight
	switch {
	case !m.alone || !slices.Contains(points, estate.Marker{Phase: m.Phase, Weight: m.Weight}):
		return false
	case here < was:
		return true
	case !m.meant:
		return false
	case again:
		return max(m.Attempt, 1) >= max(before.Attempt, 1)
	}
	return here == was+1 && m.Attempt <= 1
}

// checkpoints are the markers that a migration passes, in order.
func checkpoints(m estate.Migration) []estate.Marker {
	out := []estate.Marker{{Phase: estate.Prepare}, {Phase: estate.Deploy}, {Phase: estate.Freeze}}
	for _, step := range m.Edge.Steps {
		out = append(out, estate.Marker{Phase: estate.Canary, Weight: step.Weight})
	}
	return out
}

// upTo counts the checkpoints up to a marker.
func upTo(points []estate.Marker, at estate.Marker) int {
	n := 0
	for _, p := range points {
		if p.Phase < at.Phase || p.Phase == at.Phase && p.Weight <= at.Weight {
			n++
		}
	}
	return n
}

// frozenAt tells whether the migration stands at the freeze or later, wherever it may stand.
func (j *judge) frozenAt(w *World) bool {
	return !slices.ContainsFunc(j.stands(w), func(s stand) bool { return s.at.Phase < estate.Freeze })
}
