package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// Move says where a person wants a migration to go. Exactly one field is set.
type Move struct {
	Advance bool           // to the next checkpoint
	Back    *estate.Marker // to an earlier checkpoint
	Pause   string         // why it is to stand still
	Resume  bool
}

// Propose opens the pull request for a move. It moves nothing: a person has to merge it.
func (r *Reconciler) Propose(ctx context.Context, heads estate.Heads, name string, move Move) (review.PullRequest, error) {
	if r.Reviews == nil {
		return review.PullRequest{}, errors.New("the configuration has no section gitHost, so no pull request can be opened")
	}
	branch := branchPrefix + name
	if _, ok := heads[branch]; !ok {
		return review.PullRequest{}, misnamed("the values repository has no branch %s: %s", branch, migrations(heads))
	}
	k := r.knowledgeOf(branch)
	k.heads = heads
	head := heads[branch]
	d, err := r.usable(ctx, branch, head, k)
	if err != nil {
		return review.PullRequest{}, err
	}
	c, err := r.courseOf(ctx, d, head, k)
	if err != nil {
		return review.PullRequest{}, err
	}
	if c.unasked != nil {
		return review.PullRequest{}, c.unasked
	}
	k.course = c
	m, at := &d.migration, k.course.at
	var decision phase.Decision
	if move.Advance { // all others have to be possible also while systems are away, or the branch cannot be used
		o, err := r.look(ctx, branch, head, k)
		if err != nil {
			return review.PullRequest{}, err
		}
		decision = o.decision
	}
	to, err := move.from(m, at, decision, c.refused.Code != "")
	if err != nil {
		return review.PullRequest{}, err
	}
	e := evidence.Marker{Before: at, Reviewed: true, Trailer: to.Phase.String()}
	if reason := phase.Refusal(m, to, &e); reason.Code != "" {
		return review.PullRequest{}, errors.New(reason.Text)
	}
	commit, err := r.Branches.Propose(ctx, MarkerChange(m, to, head))
	if err != nil {
		return review.PullRequest{}, err
	}
	if commit == head { // there is nothing to merge, and a host says so in its own words
		return review.PullRequest{}, fmt.Errorf("%s says already: %s; propose another marker first, such as a pause", branch, phase.Title(to))
	}
	// The daemon adds the plan when it sees the pull request.
	return r.Reviews.Ensure(ctx, MarkerDraft(m, at, to))
}

// MisnamedError says that there is no migration, or no checkpoint, of the name that a person gave.
type MisnamedError struct{ text string }

func (e *MisnamedError) Error() string { return e.text }

func misnamed(format string, args ...any) error { return &MisnamedError{fmt.Sprintf(format, args...)} }

// migrations says which migrations there are.
func migrations(heads estate.Heads) string {
	var names []string
	for _, branch := range branches(heads) {
		names = append(names, strings.TrimPrefix(branch, branchPrefix))
	}
	if len(names) == 0 {
		return "no migration has begun"
	}
	return "its migrations are " + strings.Join(names, ", ")
}

// exists says what is wrong with a checkpoint that no migration, or not this one, has.
func exists(m *estate.Migration, to estate.Marker) error {
	switch reason := phase.Refusal(m, to, &evidence.Marker{Before: to, Reviewed: true, Trailer: to.Phase.String()}); reason.Code {
	case phase.PhaseUnknown, phase.WeightUnknown:
		return misnamed("%s", reason.Text)
	default:
		return nil
	}
}

// from is the marker that a move leads to.
func (move Move) from(m *estate.Migration, at estate.Marker, d phase.Decision, refused bool) (estate.Marker, error) {
	if move.Back != nil {
		if err := exists(m, *move.Back); err != nil {
			return at, err
		}
	}
	switch {
	case move.Back != nil && refused && move.Back.Phase == at.Phase && move.Back.Weight == at.Weight:
		return at, nil // the marker that counts stands over the one that was refused
	case move.Back != nil && !isBehindOf(*move.Back, at):
		return at, fmt.Errorf("%s is not behind %s, where %s stands: to go on, use advance", phase.Title(*move.Back), phase.Title(at), m.Name)
	case move.Back != nil:
		return *move.Back, nil
	case move.Pause != "" && move.Pause == at.Paused && !refused:
		return at, fmt.Errorf("%s is paused already, for that reason", m.Name)
	case move.Pause != "":
		at.Paused = move.Pause
		return at, nil
	case move.Resume && at.Paused == "":
		return at, fmt.Errorf("%s is not paused", m.Name)
	case move.Resume:
		at.Paused = ""
		return at, nil
	case d.Reason.Code == phase.WeightFailed:
		return phase.Again(at), nil
	case d.Kind != phase.Advance:
		return at, fmt.Errorf("%s is not complete: %s", phase.Title(at), d.Reason.Text)
	}
	next, ok := phase.Proposal(m, at)
	if !ok {
		return at, fmt.Errorf("%s is the last checkpoint that this version of cutover has steps for", phase.Title(at))
	}
	return next, nil
}

func isBehindOf(back, at estate.Marker) bool {
	return back.Phase < at.Phase || back.Phase == at.Phase && back.Weight < at.Weight
}
