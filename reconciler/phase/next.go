package phase

import (
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Next decides what to do now to bring the world to where the marker says that it should stand.
func Next(m *estate.Migration, e *evidence.Evidence, now time.Time) Decision {
	if reason := refusal(m, e); reason.Code != "" {
		return Decision{Kind: Refuse, Reason: reason}
	}
	for _, step := range Table {
		if step.Phase > m.Marker.Phase {
			break
		}
		p := step.look(m, e, now)
		switch {
		case p.complete():
			continue
		case len(p.Actions) > 0:
			for i := range p.Actions {
				p.Actions[i].Step = step.Number
			}
			return Decision{Kind: Do, Step: step.Number, Actions: p.Actions, Reason: p.Waiting, Until: p.Until}
		default:
			return Decision{Kind: Hold, Step: step.Number, Reason: p.Waiting, Until: p.Until}
		}
	}
	return Decision{Kind: Advance, Reason: because(Complete, "every step up to phase %s that cutover does is done and healthy", m.Marker.Phase)}
}

// refusal says why the marker counts for nothing, or nothing if it counts.
func refusal(m *estate.Migration, e *evidence.Evidence) Reason {
	at, before := m.Marker, e.Marker.Before
	switch {
	case at.Phase == 0:
		return because(MarkerMissing, "%s does not exist on %s: the migration has not begun", m.MarkerPath(), m.Branch)
	case !slices.ContainsFunc(Table, func(s Step) bool { return s.Phase == at.Phase }):
		return because(PhaseUnknown, "this version of cutover has no steps for phase %s", at.Phase)
	case !e.Marker.Reviewed:
		return because(MarkerPushed, "nothing shows that marker %s of commit %.10s came to %s by a merged pull request, and the configuration does not allow markers to be pushed (markers.allowPush)", at, e.Marker.Commit, m.Branch)
	case e.Marker.Trailer != at.Phase.String():
		return because(MarkerTrailer, "commit %.10s changes the marker to %s, but its message does not say so: it needs the trailer \"Cutover-Phase: %s\"", e.Marker.Commit, at, at.Phase)
	case at.Phase < before.Phase:
		return because(MarkerBack, "marker %s goes back from %s: this version of cutover cannot undo a phase; nothing is changed", at, before)
	case at.Phase > before.Phase+1:
		return because(MarkerSkips, "marker %s skips a phase: the one before was %s", at, orNone(before))
	}
	return Reason{}
}

func orNone(m estate.Marker) string {
	if m.Phase == 0 {
		return "none"
	}
	return m.String()
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

// Overview lists every step of the table with its progress. Steps of phases that the marker has not reached
// have none.
func Overview(m *estate.Migration, e *evidence.Evidence, now time.Time) []StepProgress {
	out := make([]StepProgress, 0, len(Table))
	for _, step := range Table {
		row := StepProgress{Number: step.Number, Phase: step.Phase, Title: step.Title}
		if step.Phase <= m.Marker.Phase {
			p := step.look(m, e, now)
			row.Done, row.Total, row.Waiting, row.Complete = p.Done, p.Total, p.Waiting.Text, p.complete()
		}
		out = append(out, row)
	}
	return out
}
