package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// proposals is how the names of branches begin that are this program's alone: it writes over them and deletes them
// whatever they point at.
const proposals = "advance/"

// Propose makes a branch of advance/ point at a new commit with the change on top of its parent, whatever it pointed at
// before, and returns the commit. Its date is its parent's, so that the same change on the same parent is the same
// commit, and nothing is pushed if the last Fetch or the remote has it there. A change that changes nothing returns its
// parent and leaves the branch alone.
//
// It fails as Commit does, but a branch that others moved is no conflict unless they did during the push. Any other
// branch is failure.ErrRefused.
func (r *Repository) Propose(ctx context.Context, change estate.Change) (string, error) {
	release, err := r.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := r.propose(ctx, change)
	if err != nil {
		return "", fmt.Errorf("propose %s: %w", change.Branch, err)
	}
	return hash, nil
}

func (r *Repository) propose(ctx context.Context, change estate.Change) (string, error) {
	if err := validProposal(change.Branch); err != nil {
		return "", err
	}
	parent, err := r.readCommit(change.Parent)
	if err != nil {
		return "", err
	}
	edits, err := newEdits(change)
	if err != nil {
		return "", err
	}
	m := r.newMade(change, parent.Committer.When)
	changed, err := r.finish(m, parent.TreeHash, []plumbing.Hash{parent.Hash}, edits)
	if err != nil || !changed {
		return change.Parent, err
	}
	if r.heads[change.Branch] == m.commit.Hash {
		return m.commit.Hash.String(), nil
	}
	pack, err := m.pack()
	if err != nil {
		return "", err
	}
	if err := r.pushAnyway(ctx, change.Branch, m.commit.Hash, pack); err != nil {
		return "", err
	}
	return r.keep(m, pack)
}

// DeleteBranch deletes a branch of advance/ that points at head. One that is not there is no error, one that has moved on is
// failure.ErrConflict, and any other branch failure.ErrRefused.
func (r *Repository) DeleteBranch(ctx context.Context, branch, head string) error {
	release, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := r.deleteBranch(ctx, branch, plumbing.NewHash(head)); err != nil {
		return fmt.Errorf("delete branch %s: %w", branch, err)
	}
	return nil
}

func (r *Repository) deleteBranch(ctx context.Context, branch string, head plumbing.Hash) error {
	if err := validProposal(branch); err != nil {
		return err
	}
	at, err := r.head(ctx, branch)
	switch {
	case err != nil || at.IsZero():
		return err
	case at != head:
		return fmt.Errorf("%w: it points at %.10s", failure.ErrConflict, at)
	}
	err = r.push(ctx, branch, at, plumbing.ZeroHash, nil)
	if errors.Is(err, errMoved) {
		return fmt.Errorf("%w: the branch moved during the push", failure.ErrConflict)
	}
	return err
}

// pushAnyway moves a branch from wherever it is.
func (r *Repository) pushAnyway(ctx context.Context, branch string, to plumbing.Hash, pack []byte) error {
	from, err := r.head(ctx, branch)
	if err != nil || from == to {
		return err
	}
	err = r.push(ctx, branch, from, to, pack)
	if errors.Is(err, errMoved) {
		return fmt.Errorf("%w: the branch moved during the push", failure.ErrConflict)
	}
	return err
}

// head asks the remote where a branch is: zero if it is not there.
func (r *Repository) head(ctx context.Context, branch string) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, r.remote.timeout)
	defer cancel()
	d, err := r.remote.open(ctx)
	if err != nil {
		return plumbing.ZeroHash, r.remote.explain(ctx, "look", err)
	}
	defer d.close()
	return d.heads[branch], nil
}

// keep puts the objects of a commit that was pushed into the clone, so that it can be read at once.
func (r *Repository) keep(m *made, pack []byte) (string, error) {
	if err := addPack(r.store.dir, bytes.NewReader(pack)); err != nil {
		return "", err
	}
	r.store.reload()
	return m.commit.Hash.String(), nil
}

func validProposal(branch string) error {
	if !strings.HasPrefix(branch, proposals) {
		return refused("%q does not begin with %s: other branches are moved by a lease only, and never deleted", branch, proposals)
	}
	return validBranch(branch)
}

func validBranch(branch string) error {
	if err := plumbing.NewBranchReferenceName(branch).Validate(); err != nil {
		return refused("%q is not a name for a branch", branch)
	}
	return nil
}
