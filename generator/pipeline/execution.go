package pipeline

import "time"

// Status is the state of an execution, in Spinnaker's words (orca, ExecutionStatus).
type Status string

// The states of an execution. Complete and Ok tell them apart.
const (
	NotStarted     Status = "NOT_STARTED"
	Running        Status = "RUNNING"
	Paused         Status = "PAUSED"
	Suspended      Status = "SUSPENDED"
	Buffered       Status = "BUFFERED"
	Redirect       Status = "REDIRECT"
	Succeeded      Status = "SUCCEEDED"
	FailedContinue Status = "FAILED_CONTINUE"
	Terminal       Status = "TERMINAL"
	Canceled       Status = "CANCELED"
	Stopped        Status = "STOPPED"
	Skipped        Status = "SKIPPED"
)

// Complete tells whether the status is final.
func (s Status) Complete() bool {
	switch s {
	case Succeeded, FailedContinue, Terminal, Canceled, Stopped, Skipped:
		return true
	case NotStarted, Running, Paused, Suspended, Buffered, Redirect:
		return false
	}
	return false // a status that we do not know is never taken for an end
}

// Trigger starts a pipeline.
type Trigger struct {
	Application string
	PipelineID  string
	// CorrelationID makes the trigger safe to repeat: an execution is looked for by it first.
	CorrelationID string
	Parameters    map[string]string
}

// Execution is one run of a pipeline.
type Execution struct {
	ID            string
	Application   string
	PipelineID    string
	CorrelationID string
	Status        Status
	Reason        string // why it failed, in one line; "" if it did not
	Started       time.Time
	Ended         time.Time
}
