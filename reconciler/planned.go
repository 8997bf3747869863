package reconciler

import (
	"fmt"
	"slices"
	"strings"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/phase"
)

// planned is one row of a plan, for people: all effects of one kind.
type planned struct {
	Step               int
	What, Target, Undo string
}

// What a comment shows of each kind, so that it always fits: hosts limit its length.
const (
	mostTargets = 4   // of a row
	mostCell    = 300 // runes of a cell
)

// rowsOf folds the effects of a plan that are alike, of one step and with one undo, into one row where the first of them
// stands, and what is waited for for the same reason as well. It also counts the effects.
func rowsOf(plan []phase.PlanStep) ([]planned, int) {
	var rows []planned
	effects, at, targets := 0, map[string]int{}, map[int][]string{}
	for _, step := range plan {
		row, target := planned{Step: step.Step, What: "wait", Target: cell(step.Wait)}, ""
		key := fmt.Sprint(step.Step, " wait ", step.Code)
		if step.Action.Verb != "" {
			effects++
			row.What, row.Undo, target = cell(effect(step.Action)), cell(step.Action.Undo), cell(step.Action.Target)
			key = fmt.Sprint(step.Step, " ", step.Action.Verb, " ", step.Action.Weight, " ", step.Action.Undo)
		}
		i, known := at[key]
		if !known {
			i = len(rows)
			at[key], rows = i, append(rows, row)
		}
		if target != "" && !slices.Contains(targets[i], target) {
			targets[i] = append(targets[i], target)
		}
	}
	for i, list := range targets {
		rows[i].Target = strings.Join(list[:min(len(list), mostTargets)], ", ")
		if more := len(list) - mostTargets; more > 0 {
			rows[i].Target = fmt.Sprintf("%d: %s and %d more", len(list), rows[i].Target, more)
		}
	}
	return rows, effects
}

func effect(a phase.Action) string {
	what := strings.ReplaceAll(string(a.Verb), "-", " ")
	switch {
	case a.Verb == phase.SetWeight:
		what += fmt.Sprintf(" to %d %%", a.Weight)
	case len(a.Items) > 0:
		what += fmt.Sprintf(" (%d)", len(a.Items))
	}
	return what
}

// cell makes a text fit into a cell of a table.
func cell(s string) string {
	s = oneLine(s)
	if runes := []rune(s); len(runes) > mostCell {
		s = string(runes[:mostCell-1]) + "…"
	}
	return strings.ReplaceAll(s, "|", "\\|")
}

// refusedText and refusedStatus say why a marker does not count, under the code of the page that says what to do.
func refusedText(to estate.Marker, why phase.Reason) string {
	return text("plan", map[string]any{"Title": phase.Title(to), "Refused": why})
}

func refusedStatus(d *desired, to estate.Marker, why phase.Reason) review.Status {
	return review.Status{
		Context: statusContext(d, to), State: review.Failure, Text: fmt.Sprintf("Refused (%s): %s", why.Code, why.Text),
	}
}
