package phase

import (
	"strings"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Refusal says why a marker counts for nothing, or nothing if it counts. Forward only the next checkpoint may be named,
// or, where the edge goes on by itself, any weight once the first may. Backward any earlier one may be: that is a
// rollback. The same one again pauses, resumes, or, with a higher attempt, tries a weight anew.
//
// The trailer shows that a move is meant, which a search-and-replace that hits the file has not. A move backward that came
// by a pull request needs none: the button of the git host that reverts a merge does not write one, and going back must not
// wait for it.
func Refusal(m *estate.Migration, at estate.Marker, e *evidence.Marker) Reason {
	list := Checkpoints(m)
	here, before := position(list, at), position(list, e.Before)
	first := position(list, estate.Marker{Phase: estate.Freeze}) + 1 // the first weight
	switch {
	case at.Phase == 0:
		return because(MarkerMissing, "%s does not exist on %s, or cannot be read", m.MarkerPath(), m.Branch)
	case !has(at.Phase):
		return because(PhaseUnknown, "this version of cutover has no steps for phase %s", at.Phase)
	case !isCheckpoint(m, at):
		return because(WeightUnknown, "marker %s names a weight of %d%%, and the migration has %s", at.Phase, at.Weight, weights(m, at.Phase))
	case !e.Reviewed:
		return because(MarkerPushed, "nothing shows that marker %s of commit %.10s came to %s by a merged pull request, and the configuration does not allow markers to be pushed (markers.allowPush)", at, e.Commit, m.Branch)
	case e.Trailer != at.Phase.String() && (here >= before || e.PullRequest == 0):
		return because(MarkerTrailer, "commit %.10s changes the marker to %s, but its message does not say so: it needs the trailer \"Cutover-Phase: %s\"", e.Commit, at, at.Phase)
	case len(e.Others) > 0:
		return because(MarkerMixed, "commit %.10s changes the marker together with %s: a marker comes alone, so that it can be judged alone", e.Commit, some(e.Others))
	case isAgain(at, e.Before) && attempt(at) < attempt(e.Before):
		return because(MarkerAttempt, "marker %s follows attempt %d at the same checkpoint: attempts count up, so the next is %d",
			Title(at), attempt(e.Before), attempt(e.Before)+1)
	case here < before, isAgain(at, e.Before):
		return Reason{}
	case attempt(at) > 1:
		return because(MarkerAttempt, "marker %s is no other attempt, as the one before was %s: another checkpoint begins without the key attempt", Title(at), orNone(e.Before))
	case here <= before+1:
		return Reason{}
	case m.Edge.Auto && at.Phase == estate.Canary && before+1 >= first:
		return Reason{}
	}
	return because(MarkerSkips, "marker %s skips a checkpoint: the one before was %s, so only %s may follow", at, orNone(e.Before), list[before])
}

// isAgain says that two markers stand at the same checkpoint.
func isAgain(at, before estate.Marker) bool {
	return at.Phase == before.Phase && at.Weight == before.Weight
}

// attempt is how often a marker's checkpoint is tried with it.
func attempt(at estate.Marker) int { return max(at.Attempt, 1) }

// has says whether the table has steps for a phase.
func has(p estate.Phase) bool {
	for _, step := range Table {
		if step.Phase == p {
			return true
		}
	}
	return false
}

// weights says which weights a phase may have, for people.
func weights(m *estate.Migration, p estate.Phase) string {
	if p != estate.Canary {
		return "weights in phase canary only"
	}
	var list []string
	for _, step := range m.Edge.Steps {
		list = append(list, percent(step.Weight))
	}
	if len(list) == 0 {
		return "no edge"
	}
	return "the steps " + strings.Join(list, ", ")
}

func orNone(m estate.Marker) string {
	if m.Phase == 0 {
		return "none"
	}
	return m.String()
}
