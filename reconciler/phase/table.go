package phase

import (
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Step is one row of the runbook.
type Step struct {
	Number int
	Phase  estate.Phase
	Title  string
	// look compares the evidence with what the step must bring about.
	look func(situation) Progress
	// undo compares it with what must be while the marker stands before the step's phase; nil if what the step
	// brought about may stay.
	undo func(situation) Progress
}

// silencing is the step that silences the old cluster's alarms.
const silencing = 13

// Table is the runbook. Numbers are those of its steps, everywhere.
var Table = []Step{
	{1, estate.Prepare, "The new cluster is there, with its infrastructure and room", survey, nil},
	{2, estate.Prepare, "Copy the secrets", copySecrets, nil},
	{3, estate.Prepare, "Write the new stack's values", writeValues, nil},
	{4, estate.Prepare, "Let the new nodes assume the roles", trustPrincipal, nil},
	{5, estate.Prepare, "Add the new stack and its pipelines", addPipelines, nil},
	{6, estate.Deploy, "Deploy every A, then C, then B to the new cluster", deployFirst, nil},
	{7, estate.Deploy, "Test the new cluster", smoke(7, estate.Deploy), nil},
	{8, estate.Freeze, "Freeze: developers deploy no more", freeze, thaw},
	{9, estate.Freeze, "Bring over what changed since", resync, nil},
	{10, estate.Freeze, "Deploy again at the versions that the old cluster runs", deployServices, nil},
	{11, estate.Freeze, "The new B talks to the old C", relink, unlink},
	{12, estate.Freeze, "Final test", smoke(12, estate.Freeze), nil},
	{silencing, estate.Canary, "Silence the old cluster's alarms", silence, unsilence},
	{14, estate.Canary, "Canary at the edge", canary, lower},
	{15, estate.Canary, "All traffic to the new cluster", everything, nil},
}

// situation is all that a row may look at.
type situation struct {
	m   *estate.Migration
	at  estate.Marker
	e   *evidence.Evidence
	now time.Time
}

// Progress is how far a step has come.
type Progress struct {
	Done, Total int      // in the step's own units: files, pipelines, services
	Actions     []Action // what can be done now
	// Waiting says why the step is not done, when nothing can be done now.
	Waiting Reason
	Until   time.Time
	// Later says that the marker does not ask for the step yet, though for others of its phase.
	Later bool
}

func (p Progress) complete() bool { return len(p.Actions) == 0 && p.Waiting.Code == "" }

// wait notes the first reason to wait.
func (p *Progress) wait(r Reason, until time.Time) {
	if p.Waiting.Code == "" {
		p.Waiting = r
	}
	p.Until = Earlier(p.Until, until)
}

// decide turns a row's progress into a decision; false if the row is done.
func (step Step) decide(p Progress) (Decision, bool) {
	if p.complete() {
		return Decision{}, false
	}
	d := Decision{Kind: Hold, Step: step.Number, Reason: p.Waiting, Until: p.Until}
	if len(p.Actions) > 0 {
		d.Kind, d.Actions = Do, p.Actions
		for i := range d.Actions {
			d.Actions[i].Step = step.Number
		}
	}
	return d, true
}
