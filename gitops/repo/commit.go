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
	if err := plumbing.NewBranchReferenceName(change.Branch).Validate(); err != nil {
		return "", refused("%q is not a name for a branch", change.Branch)
	}
	edits, err := newEdits(change)
	if err != nil {
		return "", err
	}
	made, err := r.build(change, edits)
	if err != nil || made == nil {
		return change.Parent, err
	}
	pack, err := made.pack()
	if err != nil {
		return "", err
	}
	// A zero hash stands for a branch that is not there yet.
	from := plumbing.NewHash(change.Parent)
	if _, known := r.heads[change.Branch]; !known {
		from = plumbing.ZeroHash
	}
	err = r.push(ctx, change.Branch, from, made.commit.Hash, pack)
	if errors.Is(err, errMoved) {
		return r.landed(ctx, change, made.commit)
	}
	if err != nil {
		return "", err
	}
	// The objects are kept, so that the commit can be read at once.
	if err := addPack(r.store.dir, bytes.NewReader(pack)); err != nil {
		return "", err
	}
	r.store.reload()
	return made.commit.Hash.String(), nil
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

// made is a commit and the objects that it needs besides its parent.
type made struct {
	commit  *object.Commit
	objects *memory.Storage
}

// build makes the commit in memory, so that one that is not pushed leaves nothing behind. It returns nil if nothing
// changes.
func (r *Repository) build(change estate.Change, edits *edits) (*made, error) {
	m := &made{objects: memory.NewStorage()}
	c := &object.Commit{Message: strings.TrimRight(change.Message, "\n") + "\n"}
	c.Author = object.Signature{Name: r.author.Name, Email: r.author.Email, When: time.Now()}
	c.Committer = c.Author
	err := r.store.read(func(objects storer.EncodedObjectStorer) error {
		var before plumbing.Hash
		if change.Parent != "" {
			parent, err := commit(objects, change.Parent)
			if err != nil {
				return err
			}
			before, c.ParentHashes = parent.TreeHash, []plumbing.Hash{parent.Hash}
		}
		w := treeWriter{from: objects, to: m.objects}
		root, err := w.root(before, edits)
		if err != nil || root == before {
			return err
		}
		c.TreeHash = root
		m.commit = c
		return nil
	})
	if err != nil || m.commit == nil {
		return nil, err
	}
	encoded := m.objects.NewEncodedObject()
	if err := c.Encode(encoded); err != nil {
		return nil, err
	}
	c.Hash, err = m.objects.SetEncodedObject(encoded)
	return m, err
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
