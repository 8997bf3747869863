package phase

import "cutover/gitops/estate"

// keep is what comes before all rows, and is done while the migration is paused or its marker is refused: what has been
// reached stays so. Nothing here goes forward, and nothing but traffic goes back.
func keep(s situation) (Decision, bool) {
	if d, ok := keepEdge(s); ok {
		return d, true
	}
	reached := min(s.at.Phase, s.e.Marker.Before.Phase)
	if reached >= estate.Freeze && frozen(s) {
		if locks := lock(s); len(locks) > 0 {
			return Step{Number: 8}.decide(Progress{Actions: locks, Waiting: because(FreezePending, "the freeze has come undone in %s", count(len(locks), "place"))})
		}
	}
	if reached >= estate.Canary && (s.held() > 0 || len(s.e.Silences) > 0) {
		if silences := keepSilence(s); len(silences) > 0 {
			return Step{Number: 13}.decide(Progress{Actions: silences, Waiting: because(SilencePending, "%s", silences[0].Reason)})
		}
	}
	return Decision{}, false
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
