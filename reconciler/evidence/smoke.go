package evidence

import "time"

// Smoke is a test of the new cluster and its newest result for what runs there now (steps 7 and 12).
type Smoke struct {
	Name string
	// Step is the runbook's step that asked for it: 7 or 12. Each needs a result of its own.
	Step   int
	State  SmokeState
	Reason string // what failed, who approved, or whose approval came too early
	At     time.Time
}

// SmokeState is how far a test is.
type SmokeState string

// How far a test can be. An approval is SmokeWaiting until a person gives it.
const (
	SmokeDue     SmokeState = "due"     // not run yet for what runs now
	SmokeRunning SmokeState = "running" // a Job is under way
	SmokeWaiting SmokeState = "waiting" // a person has to approve
	SmokePassed  SmokeState = "passed"
	SmokeFailed  SmokeState = "failed"
)

// Approval is what a person said to approve a test.
type Approval struct {
	Name string // of the test
	By   string
	At   time.Time
}
