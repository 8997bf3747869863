package repo

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"cutover/gitops/estate"
)

// Changed returns the paths of files that differ between two commits in content, mode or presence, sorted. A renamed
// file gives both its paths. Only directories that differ are read. It returns failure.ErrNotFound for a commit that
// is not in the clone.
func (r *Repository) Changed(from, to string) ([]string, error) {
	var paths []string
	err := r.store.read(func(objects storer.EncodedObjectStorer) error {
		before, err := treeOf(objects, from)
		if err != nil {
			return err
		}
		after, err := treeOf(objects, to)
		if err != nil {
			return err
		}
		changes, err := object.DiffTree(before, after)
		if err != nil {
			return err
		}
		for _, c := range changes {
			for _, path := range []string{c.From.Name, c.To.Name} {
				if path != "" {
					paths = append(paths, path)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare commits: %w", err)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// LastChange returns the newest commit on head's first-parent line that changed the file or directory at path: made
// it, changed its content or mode, or removed it. It returns false if none did, and failure.ErrNotFound if head is
// not in the clone.
func (r *Repository) LastChange(head, path string) (estate.Commit, bool, error) {
	for c, err := range r.changes(head, path) {
		return c, err == nil, err
	}
	return estate.Commit{}, false, nil
}

// Changes returns the commits on head's first-parent line that changed the file or directory at path, newest first: at
// most limit, or all if limit is 0. It returns failure.ErrNotFound if head is not in the clone.
func (r *Repository) Changes(head, path string, limit int) ([]estate.Commit, error) {
	var commits []estate.Commit
	for c, err := range r.changes(head, path) {
		if err != nil {
			return nil, err
		}
		if commits = append(commits, c); len(commits) == limit {
			break
		}
	}
	return commits, nil
}

// Line returns the commits on head's first-parent line, newest first, head among them: at most limit. It returns
// failure.ErrNotFound if head is not in the clone.
func (r *Repository) Line(head string, limit int) ([]estate.Commit, error) {
	var commits []estate.Commit
	err := r.store.read(func(objects storer.EncodedObjectStorer) error {
		newest, err := commit(objects, head)
		if err != nil {
			return err
		}
		line, err := firstParents(objects, newest.Hash, plumbing.ZeroHash, limit)
		for _, c := range line {
			commits = append(commits, asCommit(c))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("commits before %.10s: %w", head, err)
	}
	return commits, nil
}

// changes yields the commits on head's first-parent line that changed path, newest first, and ends after an error.
func (r *Repository) changes(head, path string) iter.Seq2[estate.Commit, error] {
	return func(yield func(estate.Commit, error) bool) {
		var child *object.Commit
		var after object.TreeEntry
		for hash := head; ; {
			var c *object.Commit
			var before object.TreeEntry
			// The line may be long, so others read between two of its commits.
			err := r.store.read(func(objects storer.EncodedObjectStorer) (err error) {
				if c, err = commit(objects, hash); err == nil {
					before, err = entryAt(c, path)
				}
				return err
			})
			if err != nil {
				yield(estate.Commit{}, fmt.Errorf("changes of %s: %w", path, err))
				return
			}
			if child != nil && before != after && !yield(asCommit(child), nil) {
				return
			}
			if len(c.ParentHashes) == 0 {
				if before.Mode != filemode.Empty {
					yield(asCommit(c), nil)
				}
				return
			}
			child, after, hash = c, before, c.ParentHashes[0].String()
		}
	}
}

// entryAt is what a commit has at a path, or zero if it has nothing there.
func entryAt(c *object.Commit, path string) (object.TreeEntry, error) {
	tree, err := c.Tree()
	if err != nil {
		return object.TreeEntry{}, err
	}
	entry, err := tree.FindEntry(path)
	switch {
	case errors.Is(err, object.ErrDirectoryNotFound), errors.Is(err, object.ErrEntryNotFound):
		return object.TreeEntry{}, nil
	case err != nil:
		return object.TreeEntry{}, err
	}
	return *entry, nil
}

func asCommit(c *object.Commit) estate.Commit {
	out := estate.Commit{Hash: c.Hash.String(), Message: c.Message, Author: c.Author.Name, When: c.Committer.When}
	for _, parent := range c.ParentHashes {
		out.Parents = append(out.Parents, parent.String())
	}
	return out
}

// firstParents returns the first-parent line that ends at head, newest first: at most limit commits, down to but
// without until, which may be zero.
func firstParents(objects storer.EncodedObjectStorer, head, until plumbing.Hash, limit int) ([]*object.Commit, error) {
	var line []*object.Commit
	for hash := head; hash != until && len(line) < limit; {
		c, err := object.GetCommit(objects, hash)
		if err != nil {
			return nil, err
		}
		line = append(line, c)
		if len(c.ParentHashes) == 0 {
			break
		}
		hash = c.ParentHashes[0]
	}
	return line, nil
}

func treeOf(objects storer.EncodedObjectStorer, hash string) (*object.Tree, error) {
	c, err := commit(objects, hash)
	if err != nil {
		return nil, err
	}
	tree, err := c.Tree()
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("the tree of commit %s: %w", hash, err)
	}
	return tree, err
}
