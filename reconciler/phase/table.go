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
	look func(m *estate.Migration, e *evidence.Evidence, now time.Time) Progress
}

// Table is the runbook. Numbers are those of its steps, everywhere.
var Table = []Step{
	{3, estate.Prepare, "Write the new stack's values", writeValues},
	{5, estate.Prepare, "Add the new stack and its pipelines", addPipelines},
	{6, estate.Deploy, "Deploy every A, then C, then B to the new cluster", deployServices},
}

// Progress is how far a step has come.
type Progress struct {
	Done, Total int      // in the step's own units: files, pipelines, services
	Actions     []Action // what can be done now
	// Waiting says why the step is not done, when nothing can be done now.
	Waiting Reason
	Until   time.Time
}

func (p Progress) complete() bool { return len(p.Actions) == 0 && p.Waiting.Code == "" }
