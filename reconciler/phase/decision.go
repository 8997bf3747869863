package phase

import (
	"fmt"
	"time"

	"cutover/gitops/estate"
)

// Kind says what a decision asks for.
type Kind string

const (
	// Do: perform the actions, gather evidence, and decide again.
	Do Kind = "do"
	// Hold: nothing may be done before the world changes, or before Until.
	Hold Kind = "hold"
	// Retreat: perform the actions, which go back to what was good before.
	Retreat Kind = "retreat"
	// Advance: everything up to the marker's phase is done and healthy.
	Advance Kind = "advance"
	// Refuse: the marker asks for what must not be done. A person has to change git.
	Refuse Kind = "refuse"
)

// Decision is what to do next, and why.
type Decision struct {
	Kind    Kind     `json:"kind"`
	Step    int      `json:"step,omitempty"` // number of the runbook's step that decided, 0 if none did
	Actions []Action `json:"actions,omitempty"`
	Reason  Reason   `json:"reason"`
	// Until is when to look again at the latest; zero leaves it to what is watched.
	Until time.Time `json:"until,omitzero"`
}

// Reason says why a decision was taken: a code for programs and a sentence for people.
type Reason struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

func because(code Code, format string, args ...any) Reason {
	return Reason{code, fmt.Sprintf(format, args...)}
}

// Verb names an effect on one system.
type Verb string

const (
	// CommitFiles writes the generated files to the migration's branch in one commit.
	CommitFiles Verb = "commit-files"
	// SavePipeline creates or updates one pipeline.
	SavePipeline Verb = "save-pipeline"
	// DeletePipeline deletes one pipeline that carries our mark and that git no longer names.
	DeletePipeline Verb = "delete-pipeline"
	// CreateNamespace creates a namespace of the new cluster.
	CreateNamespace Verb = "create-namespace"
	// PinVersions commits the versions that the old cluster runs to the migration's branch.
	PinVersions Verb = "pin-versions"
	// Deploy triggers a service's pipeline, or applies its objects where the stack says deploy: direct.
	Deploy Verb = "deploy"
	// CopySecrets makes the copies of the secrets in Items as they should be.
	CopySecrets Verb = "copy-secrets"
	// TrustPrincipal adds the new nodes' principal to one role's trust policy.
	TrustPrincipal Verb = "trust-principal"
	// RunSmoke runs one smoke test.
	RunSmoke Verb = "run-smoke"
	// FreezePipeline disables and locks one pipeline of the old stack.
	FreezePipeline Verb = "freeze-pipeline"
	// ThawPipeline gives a frozen pipeline back its state from before.
	ThawPipeline Verb = "thaw-pipeline"
	// BlockReview sets a failing status on the head of a developer's pull request, which is in Key.
	BlockReview Verb = "block-review"
	// UnblockReview sets a good one.
	UnblockReview Verb = "unblock-review"
	// MergeMain merges the base branch into the migration's branch by path.
	MergeMain Verb = "merge-main"
	// RestartClient begins a rollout of a singleton's client, so that its Pods read the address again.
	RestartClient Verb = "restart-client"
	// SilenceAlarms creates the migration's silence, or extends the one with the id in Key.
	SilenceAlarms Verb = "silence-alarms"
	// ExpireSilence ends the silence with the id in Key.
	ExpireSilence Verb = "expire-silence"
	// SetWeight gives the new cluster Weight percent of the traffic at the proxies in Items: all of them, or, to lower it
	// while some do not answer, those that do.
	SetWeight Verb = "set-weight"
	// BeginBake notes that Weight is going to be set, or, once every proxy has it, that it bakes: see Noted.
	BeginBake Verb = "begin-bake"
	// PassBake notes that Weight has passed.
	PassBake Verb = "pass-bake"
	// FailBake notes that Weight has failed, and in Reason why.
	FailBake Verb = "fail-bake"
)

// Action is one effect, as data. What it writes is in the desired state that the evidence was compared with.
type Action struct {
	Step   int    `json:"step"`
	Verb   Verb   `json:"verb"`
	Target string `json:"target"` // branch, application/pipeline, namespace, service, role, test, #pull request or backend
	Reason string `json:"reason"`
	Undo   string `json:"undo"`
	// Items are what the effect touches where that is more than the target: the paths of secrets, the proxies that
	// take a weight.
	Items []string `json:"items,omitempty"`
	// Weight is the weight of the verbs of the edge, in percent, 0 to 100.
	Weight int `json:"weight,omitempty"`
	// Key makes the effect safe to repeat: a pipeline's or a silence's id, the correlation id of a deployment, the commit
	// of a pull request or of the marker, the step of a test, the instance that a client is to talk to.
	Key string `json:"key,omitempty"`
	// Service is set for the effects on one service.
	Service estate.ServiceID `json:"service,omitzero"`
}

// Earlier is the earlier of two times to look again; a zero time is none.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
