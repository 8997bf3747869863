package reconciler

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

func TestRowsOf(t *testing.T) {
	act := func(step int, verb phase.Verb, target, undo string, weight int) phase.PlanStep {
		return phase.PlanStep{Step: step, Action: phase.Action{Step: step, Verb: verb, Target: target, Undo: undo, Weight: weight}}
	}
	plan := []phase.PlanStep{
		act(5, phase.SavePipeline, "a/Deploy", "delete the pipeline", 0),
		act(5, phase.SavePipeline, "a/Deploy", "delete the pipeline", 0),
		act(5, phase.SavePipeline, "b/Deploy", "save it as it was", 0),
	}
	for i := range 6 {
		plan = append(plan, act(6, phase.Deploy, fmt.Sprint("web/", i), "delete its objects", 0), phase.PlanStep{Step: 6, Wait: fmt.Sprint(6-i, " of 6 | not ready"), Code: phase.Deploying})
	}
	plan = append(plan, act(14, phase.SetWeight, "api", "set the weight back to 0%", 1), act(14, phase.SetWeight, "api", "set the weight back to 1%", 25))
	rows, effects := rowsOf(plan)
	want := []planned{
		{5, "save pipeline", "a/Deploy", "delete the pipeline"},
		{5, "save pipeline", "b/Deploy", "save it as it was"},
		{6, "deploy", "6: web/0, web/1, web/2, web/3 and 2 more", "delete its objects"},
		{6, "wait", "6 of 6 \\| not ready", ""},
		{14, "set weight to 1 %", "api", "set the weight back to 0%"},
		{14, "set weight to 25 %", "api", "set the weight back to 1%"},
	}
	if diff := cmp.Diff(want, rows); diff != "" || effects != 11 {
		t.Errorf("%d effects (-want +got):\n%s", effects, diff)
	}
}

// TestPlanFits: the plan of an estate that is ten times as large as any that we know fits into every host's comment.
func TestPlanFits(t *testing.T) {
	var plan []phase.PlanStep
	e := evidence.Evidence{}
	for _, step := range phase.Table {
		for i := range 1000 {
			name := fmt.Sprintf("%s-%d", strings.Repeat("service", 20), i)
			plan = append(plan, phase.PlanStep{Step: step.Number, Action: phase.Action{Verb: phase.Deploy, Target: name, Undo: "delete the service's objects in the new cluster"}},
				phase.PlanStep{Step: step.Number, Wait: strings.Repeat("not ready ", 100), Code: phase.Deploying})
			e.Main.Conflicts = append(e.Main.Conflicts, evidence.Conflict{Path: name})
		}
	}
	rows, _ := rowsOf(plan)
	said := text("plan", map[string]any{"Title": "deploy", "Reversibility": phase.Reversible, "Steps": rows, "Drift": resyncLines(phase.ResyncOf(&estate.Migration{}, &e, e.Edge.Bake.Since)), "Invariants": "all"})
	if len(said) > 32_000 { // Bitbucket takes least
		t.Errorf("it has %d bytes", len(said))
	}
}

// TestReasonsHaveCodes: wherever a reason is told, its code stands beside it, by which the page on recovery is found.
func TestReasonsHaveCodes(t *testing.T) {
	why := phase.Reason{Code: phase.RoomShort, Text: "orbit-prod2 has too little room"}
	progress := text("progress", map[string]any{"Title": "deploy", "State": "waiting", "Kind": phase.Hold, "Reason": why})
	if !strings.Contains(progress, "hold (room-short): orbit-prod2 has too little room\n") {
		t.Errorf("the comment on progress says %q", progress)
	}
	if refused := refusedText(estate.Marker{Phase: estate.Deploy}, why); !strings.Contains(refused, "(room-short): orbit-prod2") {
		t.Errorf("the refusal says %q", refused)
	}
	if s := refusedStatus(&desired{}, estate.Marker{Phase: estate.Deploy}, why); s.Text != "Refused (room-short): orbit-prod2 has too little room" {
		t.Errorf("the status says %q", s.Text)
	}
}
