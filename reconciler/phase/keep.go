package phase

import (
	"fmt"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Keep is what keeps the edge alone up, whatever becomes of all other systems: of e it looks at Marker and Edge only. A
// weight that fails its checks is noted as failed and taken back, one that is higher than was reached is lowered, and one
// that a proxy has lost is set again, but never above what the note of the bake says that every proxy had. While that note
// only says what is going to be set, weights are lowered and never raised; once every proxy has that weight it is noted
// as the one that bakes, so that something judges it. Of all verbs it gives SetWeight, BeginBake and FailBake only; it is
// false if there is nothing to be done.
//
// The marker at is the one that counts, or, while a newer one is refused or the branch's history has lost it, the one that
// counted last, and the evidence of the marker is that of at; before the first one nothing is done.
//
// The hazards: the proxies and the note have to be read together, as a note that could not be read looks like one that was
// never made, and then the traffic goes back; and nobody else may set weights between that and what is decided here.
func Keep(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) (Decision, bool) {
	if at.Phase == 0 {
		return Decision{}, false
	}
	only := &evidence.Evidence{Marker: e.Marker, Edge: e.Edge}
	d, ok := keepEdge(situation{m, at, only, now})
	if !ok {
		return Decision{}, false
	}
	var kept []Action
	for _, a := range d.Actions {
		if a.Verb == SetWeight && !e.Edge.Bake.Begun() {
			a.Items = slices.DeleteFunc(slices.Clone(a.Items), func(name string) bool { return !isAbove(e.Edge, name, a.Weight) })
		}
		if a.Verb == FailBake || a.Verb == BeginBake && at.Phase >= estate.Canary || a.Verb == SetWeight && len(a.Items) > 0 {
			kept = append(kept, a)
		}
	}
	d.Actions = kept
	return d, len(kept) > 0
}

// isAbove says that a proxy has a higher weight.
func isAbove(e evidence.Edge, name string, weight int) bool {
	return slices.ContainsFunc(reachable(e), func(p evidence.Proxy) bool { return p.Name == name && p.To.Weight > weight })
}

// keep is what comes before all rows, and is done while the migration is paused, its marker is refused, or a system cannot
// be looked at: what has been reached stays so. Nothing here goes forward, and nothing goes back but traffic, and the freeze
// for what break-glass lets through, as that is for what cannot wait.
func keep(s situation) (Decision, bool) {
	blind := len(s.e.Unseen) > 0 // then only what is seen to be wrong is put right, not what is missing
	var all []Decision
	if noted := s.e.Edge.Bake.Commit != ""; noted || !blind || s.at.Phase < estate.Canary {
		d, ok := keepEdge(s)
		// Who would answer is not known: only the keeper gives traffic, by what was seen when all could be looked at.
		if len(d.Actions) > 0 && s.e.IsUnseen(evidence.TheObjects, evidence.TheServices, evidence.TheSingletons) {
			d.Actions = slices.DeleteFunc(d.Actions, func(a Action) bool { return Lifts(a, s.e) })
			ok = len(d.Actions) > 0
		}
		if ok {
			all = append(all, d)
		}
	}
	if s.at.Phase > estate.Freeze || s.at.Phase == estate.Freeze && frozen(s) {
		if d, ok := (Step{Number: 8}).decide(keepFreeze(s)); ok {
			all = append(all, d)
		}
	}
	if _, silenced := bestSilence(s); s.at.Phase >= estate.Canary && (s.held() > 0 || silenced) {
		silences := slices.DeleteFunc(keepSilence(s), func(a Action) bool { return blind && a.Key == "" })
		if d, ok := (Step{Number: silencing}).decide(Progress{Actions: silences}); ok {
			d.Reason = because(SilencePending, "%s", silences[0].Reason)
			all = append(all, d)
		}
	}
	return together(all)
}

// together is what several steps ask for that do not wait for each other: a system that is away, or refuses, must not keep
// the others from being kept up. Of those that only wait, the first is told.
func together(all []Decision) (Decision, bool) {
	if len(all) == 0 {
		return Decision{}, false
	}
	i := max(0, slices.IndexFunc(all, func(d Decision) bool { return len(d.Actions) > 0 }))
	first := all[i]
	for _, d := range all[i+1:] {
		first.Actions = append(slices.Clip(first.Actions), d.Actions...)
	}
	for _, d := range all {
		first.Until = Earlier(first.Until, d.Until)
	}
	return first, true
}

// unseen holds while a system could not be looked at: no row may take what is missing for what is not there.
func unseen(s situation) (Decision, bool) {
	if len(s.e.Unseen) == 0 {
		return Decision{}, false
	}
	first := s.e.Unseen[0]
	why := because(Unseen, "%s could not be looked at: %s", first.What, first.Reason)
	if more := len(s.e.Unseen) - 1; more > 0 {
		why.Text += fmt.Sprintf("; nor could %s", count(more, "other system"))
	}
	return Decision{Kind: Hold, Reason: why, Until: s.now.Add(glance)}, true
}

// frozen says that the freeze has begun.
func frozen(s situation) bool {
	for _, p := range s.e.Freeze.Pipelines {
		if p.Frozen || p.Tampered {
			return true
		}
	}
	return false
}
