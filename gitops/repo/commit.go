package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// Commit makes the change on top of its parent, pushes it to its branch and returns the new commit. A change that
// changes nothing returns its parent. A branch that the last Fetch did not see is made; an empty parent makes the
// first commit of a branch. Modes of files that are written over stay as they are.
//
// The push lands only if the branch is still at the parent; otherwise Commit returns failure.ErrConflict, and the
// caller fetches and decides again. After failure.ErrTransient the push may have landed: the same change again
// finds that out and returns the commit that is there. failure.ErrRefused is a change that cannot be made, such as a
// file in the place of a directory, or one that the remote does not take.
//
// The clone's heads follow with the next Fetch, which reports the branch as moved.
func (r *Repository) Commit(ctx context.Context, change estate.Change) (string, error) {
	release, err := r.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := r.commit(ctx, change)
	if err != nil {
		return "", fmt.Errorf("commit to %s: %w", change.Branch, err)
	}
	return hash, nil
}

func (r *Repository) commit(ctx context.Context, change estate.Change) (string, error) {
	if err := validBranch(change.Branch); err != nil {
		return "", err
	}
	edits, err := newEdits(change)
	if err != nil {
		return "", err
	}
	var before plumbing.Hash
	var parents []plumbing.Hash
	if change.Parent != "" {
		parent, err := r.readCommit(change.Parent)
		if err != nil {
			return "", err
		}
		before, parents = parent.TreeHash, []plumbing.Hash{parent.Hash}
	}
	m := r.newMade(change, time.Now())
	changed, err := r.finish(m, before, parents, edits)
	if err != nil || !changed {
		return change.Parent, err
	}
	return r.land(ctx, change, m)
}

// land pushes a commit to the change's branch, if that is still at the change's parent.
func (r *Repository) land(ctx context.Context, change estate.Change, m *made) (string, error) {
	pack, err := m.pack()
	if err != nil {
		return "", err
	}
	// A zero hash stands for a branch that is not there yet.
	from := plumbing.NewHash(change.Parent)
	if _, known := r.heads[change.Branch]; !known {
		from = plumbing.ZeroHash
	}
	err = r.push(ctx, change.Branch, from, m.commit.Hash, pack)
	if errors.Is(err, errMoved) {
		return r.landed(ctx, change, m.commit)
	}
	if err != nil {
		return "", err
	}
	return r.keep(m, pack)
}

// push returns errMoved if the branch is not where it is to be pushed from, also when that was found out at the last
// moment.
func (r *Repository) push(ctx context.Context, branch string, from, to plumbing.Hash, pack []byte) error {
	ctx, cancel := context.WithTimeout(ctx, r.remote.timeout)
	defer cancel()
	err := r.remote.push(ctx, branch, from, to, pack)
	if err == nil || errors.Is(err, errMoved) {
		return err
	}
	if errors.Is(err, errRejected) {
		// Servers say in many ways that the branch moved during the push. It is surer to look.
		if d, err := r.remote.open(ctx); err == nil {
			defer d.close()
			if d.heads[branch] != from {
				return errMoved
			}
		}
	}
	return r.remote.explain(ctx, "push", err)
}

// maxLanded is how many commits others may have put on top of one of ours whose push got no answer.
const maxLanded = 100

// landed looks for a commit that is just what this change would have made: an earlier attempt whose answer was lost.
func (r *Repository) landed(ctx context.Context, change estate.Change, made *object.Commit) (string, error) {
	if err := r.fetch(ctx); err != nil {
		return "", err
	}
	head, ok := r.heads[change.Branch]
	if !ok {
		return "", fmt.Errorf("%w: the branch was deleted", failure.ErrConflict)
	}
	var line []*object.Commit
	err := r.store.read(func(objects storer.EncodedObjectStorer) (err error) {
		line, err = firstParents(objects, head, plumbing.NewHash(change.Parent), maxLanded)
		return err
	})
	if err != nil {
		return "", err
	}
	for _, c := range line {
		if c.TreeHash == made.TreeHash && slices.Equal(c.ParentHashes, made.ParentHashes) &&
			c.Message == made.Message && c.Author.Name == made.Author.Name && c.Author.Email == made.Author.Email {
			return c.Hash.String(), nil
		}
	}
	return "", fmt.Errorf("%w: the branch is at %s and not at %s", failure.ErrConflict, head, change.Parent)
}

// made is a commit and the objects that it needs besides its parents. It is made in memory, so that one that is not
// pushed leaves nothing behind.
type made struct {
	commit  *object.Commit
	objects *memory.Storage
}

func (r *Repository) newMade(change estate.Change, when time.Time) *made {
	signature := object.Signature{Name: r.author.Name, Email: r.author.Email, When: when}
	return &made{
		commit:  &object.Commit{Message: strings.TrimRight(change.Message, "\n") + "\n", Author: signature, Committer: signature},
		objects: memory.NewStorage(),
	}
}

// finish makes the commit: the edits on top of a tree, which may be one of m's own. It tells whether that differs from the
// tree of the first parent.
func (r *Repository) finish(m *made, before plumbing.Hash, parents []plumbing.Hash, edits *edits) (changed bool, err error) {
	c := m.commit
	c.ParentHashes = parents
	err = r.store.read(func(objects storer.EncodedObjectStorer) error {
		w := treeWriter{from: overlay{m.objects, objects}, to: m.objects}
		if c.TreeHash, err = w.root(before, edits); err != nil || len(parents) == 0 {
			changed = !c.TreeHash.IsZero()
			return err
		}
		parent, err := object.GetCommit(objects, parents[0])
		if err != nil {
			return err
		}
		changed = c.TreeHash != parent.TreeHash
		return nil
	})
	if err != nil {
		return false, err
	}
	encoded := m.objects.NewEncodedObject()
	if err := c.Encode(encoded); err != nil {
		return false, err
	}
	c.Hash, err = m.objects.SetEncodedObject(encoded)
	return changed, err
}

func (m *made) pack() ([]byte, error) {
	var hashes []plumbing.Hash
	for hash := range m.objects.Objects {
		hashes = append(hashes, hash)
	}
	var b bytes.Buffer
	_, err := encodePack(&b, m.objects, hashes)
	return b.Bytes(), err
}
