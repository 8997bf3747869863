package phase

import (
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Next decides what to do now to bring the world to where the marker at says that it should stand. The marker's
// evidence is that of the same marker.
func Next(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) Decision {
	s := situation{m, at, e, now}
	if at.Phase == 0 && e.Marker.Commit == "" {
		if d, ok := unseen(s); ok {
			return d
		}
		return Decision{Kind: Advance, Reason: because(MarkerMissing, "the migration has not begun: merge the pull request of %s", estate.Prepare)}
	}
	if reason := Refusal(m, at, &e.Marker); reason.Code != "" {
		return Refused(m, e.Marker.Before, e, reason, now)
	}
	if d, ok := keep(s); ok {
		return d
	}
	if d, ok := unseen(s); ok {
		if back, ok := thawSeen(s); ok {
			return back
		}
		return s.watch(d)
	}
	if at.Paused != "" {
		return s.watch(Decision{Kind: Hold, Reason: because(Paused, "paused at %s: %s", at, at.Paused)})
	}
	return s.watch(walk(s))
}

// Refused decides what to do while the newest marker counts for nothing, or what git has cannot be used: what the one that
// counted last, at, has reached is kept up, and nothing else is done. The evidence of the marker is that of at, or
// of one that follows it and is refused.
func Refused(m *estate.Migration, at estate.Marker, e *evidence.Evidence, why Reason, now time.Time) Decision {
	s := situation{m, at, e, now}
	if d, ok := keep(s); ok {
		return d
	}
	if s.e.Edge.Bake.Failed != "" && at.Phase >= estate.Canary { // nothing else tells of it
		why.Text += "; meanwhile " + s.fallback()
	}
	return s.watch(Decision{Kind: Refuse, Reason: why})
}

// watch lets nothing be waited for without a look at the proxies while they give the new cluster traffic.
func (s situation) watch(d Decision) Decision {
	if reached(s.e.Edge) > 0 && len(d.Actions) == 0 {
		d.Until = Earlier(d.Until, s.now.Add(blink))
	}
	return d
}

// walk goes back to the marker's phase, and then on through the rows up to it. Rows are undone in reverse order, but none
// waits for a silence to be ended. One that waits to be undone keeps the phase from being complete, and nothing else: a fix
// may have to be deployed for it.
func walk(s situation) Decision {
	var apart, waiting []Decision
	for _, step := range slices.Backward(Table) {
		if step.Phase <= s.at.Phase || step.undo == nil {
			continue
		}
		d, ok := step.decide(step.undo(s))
		switch {
		case !ok:
		case d.Kind != Do:
			waiting = append(waiting, d)
		case step.Number == silencing:
			apart = append(apart, d)
		default:
			d, _ = together(append(apart, d))
			return d
		}
	}
	for _, step := range Table {
		if step.Phase > s.at.Phase {
			break
		}
		if d, ok := step.decide(step.look(s)); ok {
			d, _ = together(append(apart, d))
			return d
		}
	}
	if d, ok := together(append(apart, waiting...)); ok {
		return d
	}
	return Decision{Kind: Advance, Reason: because(Complete, "every step up to %s that cutover does is done and healthy", s.at)}
}

// StepProgress is a row of the runbook and how far it has come, for people.
type StepProgress struct {
	Number  int          `json:"number"`
	Phase   estate.Phase `json:"phase"`
	Title   string       `json:"title"`
	Done    int          `json:"done"`
	Total   int          `json:"total"`
	Waiting string       `json:"waiting,omitempty"`
	// Complete is false also for a step whose phase has not been reached.
	Complete bool `json:"complete"`
}

// Overview lists every step of the table with its progress. Steps of phases that the marker at has not reached have
// none, but for what is still to be undone of them. While a system cannot be looked at no step is said to be complete.
func Overview(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) []StepProgress {
	s := situation{m, at, e, now}
	out := make([]StepProgress, 0, len(Table))
	for _, step := range Table {
		row := StepProgress{Number: step.Number, Phase: step.Phase, Title: step.Title}
		switch {
		case step.Phase <= at.Phase:
			p := step.look(s)
			row.Done, row.Total, row.Waiting, row.Complete = p.Done, p.Total, p.Waiting.Text, p.complete() && !p.Later
		case step.undo != nil:
			row.Waiting = step.undo(s).Waiting.Text
		}
		if d, ok := unseen(s); ok && row.Complete {
			row.Complete, row.Waiting = false, d.Reason.Text
		}
		out = append(out, row)
	}
	return out
}
