package reconciler

import (
	"context"
	"errors"
	"fmt"

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
		return review.PullRequest{}, fmt.Errorf("the values repository has no branch %s: its migrations are %v", branch, branches(heads))
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
	if _, err := r.Branches.Propose(ctx, MarkerChange(m, to, head)); err != nil {
		return review.PullRequest{}, err
	}
	// The daemon adds the plan when it sees the pull request.
	return r.Reviews.Ensure(ctx, MarkerDraft(m, at, to))
}

// from is the marker that a move leads to.
func (move Move) from(m *estate.Migration, at estate.Marker, d phase.Decision, refused bool) (estate.Marker, error) {
	switch {
	case move.Back != nil && refused && move.Back.Phase == at.Phase && move.Back.Weight == at.Weight:
		return at, nil // the marker that counts stands over the one that was refused
	case move.Back != nil && !isBehindOf(*move.Back, at):
		return at, fmt.Errorf("%s is not behind %s, where %s stands: to go on, use advance", phase.Title(*move.Back), phase.Title(at), m.Name)
	case move.Back != nil:
		return *move.Back, nil
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
	next, ok := phase.Following(m, at)
	if !ok {
		return at, fmt.Errorf("%s is the last checkpoint that this version of cutover has steps for", phase.Title(at))
	}
	return next, nil
}

func isBehindOf(back, at estate.Marker) bool {
	return back.Phase < at.Phase || back.Phase == at.Phase && back.Weight < at.Weight
}
