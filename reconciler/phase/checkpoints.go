package phase

import (
	"fmt"
	"slices"

	"cutover/gitops/estate"
)

// Reversibility says whether going back from a phase gives what was before.
type Reversibility string

// What a person can be told about going back.
const (
	// Reversible: going back leaves things as they were.
	Reversible Reversibility = "reversible"
	// WithLoss: going back is possible, and something is lost, such as what a singleton held in memory.
	WithLoss Reversibility = "reversible with loss"
	// Irreversible: there is nothing to go back to.
	Irreversible Reversibility = "irreversible"
)

// ReversibilityOf says whether one can go back from a phase. Up to 100 % of the traffic one can: the old cluster runs
// everything, and its singletons are the only ones in use.
func ReversibilityOf(p estate.Phase) Reversibility {
	switch {
	case p <= estate.Canary:
		return Reversible
	case p < estate.Cleanup:
		return WithLoss
	}
	return Irreversible
}

// Checkpoints are the markers that a migration passes, in order: its phases, and inside canary the weights.
func Checkpoints(m *estate.Migration) []estate.Marker {
	out := []estate.Marker{{Phase: estate.Prepare}, {Phase: estate.Deploy}, {Phase: estate.Freeze}}
	for _, step := range m.Edge.Steps {
		out = append(out, estate.Marker{Phase: estate.Canary, Weight: step.Weight})
	}
	return out
}

// Following is the checkpoint after a marker, or false after the last one.
func Following(m *estate.Migration, at estate.Marker) (estate.Marker, bool) {
	list := Checkpoints(m)
	if i := position(list, at); i < len(list) {
		return list[i], true
	}
	return estate.Marker{}, false
}

// Proposal is the checkpoint that is proposed once everything up to a marker is done, or false after the last one: the
// following one, or, where the edge goes on by itself, all of the traffic, as the weights between follow by themselves.
func Proposal(m *estate.Migration, at estate.Marker) (estate.Marker, bool) {
	next, ok := Following(m, at)
	if ok && m.Edge.Auto && next.Phase == estate.Canary {
		next.Weight = m.Edge.Steps[len(m.Edge.Steps)-1].Weight
	}
	return next, ok
}

// Again is the marker that tries a checkpoint once more.
func Again(at estate.Marker) estate.Marker {
	return estate.Marker{Phase: at.Phase, Weight: at.Weight, Attempt: attempt(at) + 1}
}

// Title is a marker's name for people, such as "canary 5%" or "canary 5%, attempt 2, paused".
func Title(at estate.Marker) string {
	if at.Phase == 0 {
		return "not begun"
	}
	title := at.String()
	if attempt(at) > 1 {
		title += fmt.Sprintf(", attempt %d", at.Attempt)
	}
	if at.Paused != "" {
		title += ", paused"
	}
	return title
}

// position counts the checkpoints that a marker has reached: 0 before the first.
func position(list []estate.Marker, at estate.Marker) int {
	n := 0
	for _, c := range list {
		if c.Phase < at.Phase || c.Phase == at.Phase && c.Weight <= at.Weight {
			n++
		}
	}
	return n
}

// isCheckpoint says whether a marker stands exactly at a checkpoint, in whatever attempt.
func isCheckpoint(m *estate.Migration, at estate.Marker) bool {
	at.Paused, at.Attempt = "", 0
	return slices.Contains(Checkpoints(m), at)
}
