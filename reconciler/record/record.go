package record

import (
	"time"

	"cutover/gitops/estate"
)

// Entry is one line of the journal.
type Entry struct {
	ID        int64                `json:"id"` // grows; given by the journal
	At        time.Time            `json:"at"`
	Migration estate.MigrationName `json:"migration"`
	Kind      Kind                 `json:"kind"`
	// Marker is the marker that counted, and Commit the commit of the branch that was acted on.
	Marker estate.Marker `json:"marker,omitzero"`
	Commit string        `json:"commit,omitempty"`
	Step   int           `json:"step,omitempty"` // number of the runbook's step, 0 if none
	Verb   string        `json:"verb,omitempty"`
	Target string        `json:"target,omitempty"`
	Key    string        `json:"key,omitempty"` // what makes the effect safe to repeat
	Reason string        `json:"reason,omitempty"`
	Undo   string        `json:"undo,omitempty"`
	// Ended, Outcome and Error are those of an Action, and zero until its result is known.
	Ended   time.Time `json:"ended,omitzero"`
	Outcome Outcome   `json:"outcome,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// Kind says what an entry tells.
type Kind string

// What an entry can tell.
const (
	Run         Kind = "run"         // the daemon began to work on the migration
	Action      Kind = "action"      // an effect: the entry is its intent, and its result is added afterwards
	Observation Kind = "observation" // a decision other than the last one, or a breach of an invariant
	Refusal     Kind = "refusal"     // a marker that does not count
	Marker      Kind = "marker"      // a marker that counts, with who merged and who approved it in Reason
)

// Outcome is how an action ended.
type Outcome string

// How an action can end. An action without an outcome was under way when the daemon ended: what became of it is seen by
// looking at the world.
const (
	Done   Outcome = "done"
	Failed Outcome = "failed"
)

// Note is something that cannot be observed and has to survive a restart, such as when a bake began.
type Note struct {
	Key   string // unique within a migration
	Value []byte // JSON
	At    time.Time
}

// Filter selects entries. Zero fields select all.
type Filter struct {
	Migration estate.MigrationName
	Phase     estate.Phase
	Since     time.Time
	Limit     int // the newest so many; 0 for all
}
