package world

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// Repository is the values repository as the program uses it: Source, History, Committer, Merger and Branches.
type Repository struct{ p *Process }

// author writes what the program commits.
const author = "cutover"

// Fetch implements reconciler.Source.
func (r Repository) Fetch(ctx context.Context) (estate.Heads, error) {
	heads, err := look(ctx, r.p, portGit, "fetch", true, func() (estate.Heads, error) {
		return maps.Clone(r.p.w.git.branches), nil
	})
	if err == nil {
		r.p.w.mu.Lock()
		defer r.p.w.mu.Unlock()
		r.p.w.git.cloned = maps.Clone(heads)
		r.p.w.judge.fetches(r.p.w, heads)
	}
	return heads, err
}

// Opened implements reconciler.Source.
func (r Repository) Opened() estate.Heads { return r.p.opened }

// local answers from the clone, which is no call.
func local[T any](p *Process, f func(*git) (T, error)) (T, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.dead {
		var zero T
		return zero, ErrCrashed
	}
	return f(&p.w.git)
}

// Tree implements reconciler.Source.
func (r Repository) Tree(hash string) (fs.FS, error) {
	return local(r.p, func(g *git) (fs.FS, error) {
		c, err := g.find(hash)
		if err != nil {
			return nil, err
		}
		return c.tree, nil
	})
}

// Changed implements reconciler.History.
func (r Repository) Changed(from, to string) ([]string, error) {
	return local(r.p, func(g *git) ([]string, error) {
		a, b, err := g.both(from, to)
		if err != nil {
			return nil, err
		}
		return differences(a.tree, b.tree), nil
	})
}

// LastChange implements reconciler.History.
func (r Repository) LastChange(head, path string) (estate.Commit, bool, error) {
	found, err := r.Changes(head, path, 1)
	if err != nil || len(found) == 0 {
		return estate.Commit{}, false, err
	}
	return found[0], true, nil
}

// Changes implements reconciler.History.
func (r Repository) Changes(head, path string, limit int) ([]estate.Commit, error) {
	return local(r.p, func(g *git) ([]estate.Commit, error) {
		c, err := g.find(head)
		if err != nil {
			return nil, err
		}
		return g.changes(c, path, limit), nil
	})
}

// Line implements reconciler.History.
func (r Repository) Line(head string, limit int) ([]estate.Commit, error) {
	return local(r.p, func(g *git) ([]estate.Commit, error) {
		c, err := g.find(head)
		var line []estate.Commit
		for ; c != nil && len(line) < limit; c = g.parent(c) {
			line = append(line, c.Commit)
		}
		return line, err
	})
}

// Between implements reconciler.History.
func (r Repository) Between(ours, theirs string) ([]estate.Commit, error) {
	return local(r.p, func(g *git) ([]estate.Commit, error) {
		a, b, err := g.both(ours, theirs)
		if err != nil {
			return nil, err
		}
		var out []estate.Commit
		for _, c := range g.lacking(a, b) {
			out = append(out, c.Commit)
		}
		return out, nil
	})
}

// Divergence implements reconciler.Merger.
func (r Repository) Divergence(ctx context.Context, ours, theirs string) (estate.Divergence, error) {
	if err := ctx.Err(); err != nil {
		return estate.Divergence{}, err
	}
	return local(r.p, func(g *git) (estate.Divergence, error) {
		a, b, err := g.both(ours, theirs)
		if err != nil {
			return estate.Divergence{}, err
		}
		return g.divergence(a, b)
	})
}

// Commit implements reconciler.Committer.
func (r Repository) Commit(ctx context.Context, c estate.Change) (string, error) {
	return change(ctx, r.p, portGit, "commit to "+c.Branch, func() (string, error) {
		g := &r.p.w.git
		t, parents, err := g.tree(c)
		if err != nil {
			return "", err
		}
		if parent, ok := g.commits[c.Parent]; ok && parent.tree == t {
			return c.Parent, nil
		}
		return r.push(c, t, parents)
	})
}

// Merge implements reconciler.Merger.
func (r Repository) Merge(ctx context.Context, c estate.Change, theirs string) (string, error) {
	return change(ctx, r.p, portGit, fmt.Sprintf("merge %.10s into %s", theirs, c.Branch), func() (string, error) {
		g := &r.p.w.git
		our, their, err := g.both(c.Parent, theirs)
		if err != nil {
			return "", err
		}
		merged, err := g.merged(our, their)
		if err != nil {
			return "", err
		}
		return r.push(c, merged.with(c.Write, c.Remove), []string{our.Hash, their.Hash})
	})
}

// Propose implements reconciler.Branches.
func (r Repository) Propose(ctx context.Context, c estate.Change) (string, error) {
	return change(ctx, r.p, portGit, "propose "+c.Branch, func() (string, error) {
		w := r.p.w
		t, parents, err := w.git.tree(c)
		if err != nil {
			return "", err
		}
		if parent, ok := w.git.commits[c.Parent]; ok && parent.tree == t {
			return c.Parent, nil
		}
		made := w.git.commit(parents, t, c.Message, author, time.Unix(0, 0).UTC())
		w.judge.proposes(w, c)
		w.moved(c.Branch, made.Hash)
		return made.Hash, nil
	})
}

// DeleteBranch implements reconciler.Branches.
func (r Repository) DeleteBranch(ctx context.Context, branch, head string) error {
	return do(ctx, r.p, portGit, "delete branch "+branch, func() error {
		w := r.p.w
		if at, ok := w.git.branches[branch]; ok && at != head {
			return fmt.Errorf("%w: %s is at %.10s and not at %.10s", failure.ErrConflict, branch, at, head)
		}
		w.judge.deletesBranch(w, branch)
		delete(w.git.branches, branch)
		w.host.branchGone(branch)
		return nil
	})
}

// tree is what a change makes of its parent's files.
func (g *git) tree(c estate.Change) (*tree, []string, error) {
	if c.Parent == "" {
		return treeOf(c.Write), nil, nil
	}
	parent, err := g.find(c.Parent)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range c.Write {
		if !fs.ValidPath(f.Path) {
			return nil, nil, fmt.Errorf("%w: %q is no path", failure.ErrRefused, f.Path)
		}
	}
	return parent.tree.with(c.Write, c.Remove), []string{parent.Hash}, nil
}

// push moves the branch if it is still where the change was decided. A commit that is just what the change would make
// is an earlier attempt whose answer was lost.
func (r Repository) push(c estate.Change, t *tree, parents []string) (string, error) {
	w := r.p.w
	g := &w.git
	head, exists := g.branches[c.Branch]
	if exists && head != c.Parent {
		message := strings.TrimRight(c.Message, "\n") + "\n"
		for at := g.commits[head]; at != nil && at.Hash != c.Parent; at = g.parent(at) {
			if at.tree == t && slices.Equal(at.Parents, parents) && at.Message == message && at.Author == author {
				return at.Hash, nil
			}
		}
		return "", fmt.Errorf("%w: %s is at %.10s and not at %.10s", failure.ErrConflict, c.Branch, head, c.Parent)
	}
	made := g.commit(parents, t, c.Message, author, w.now)
	w.judge.commits(w, c)
	w.moved(c.Branch, made.Hash)
	return made.Hash, nil
}

// moved lets a branch point at a commit; the pull requests that merge it follow.
func (w *World) moved(branch, hash string) {
	w.judge.shuts(w, branch, hash)
	w.judge.rewrites(w, branch, hash)
	w.git.branches[branch] = hash
	w.judge.rights.marks(w, branch, w.git.commits[hash])
	w.host.moved(w, branch)
}
