package world

import (
	"crypto/sha1" //nolint:gosec // git's own hash
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// git is the remote repository.
type git struct {
	commits  map[string]*commit
	branches estate.Heads
	cloned   estate.Heads // as the program fetched them last
	made     int
}

// commit is a commit and its files. Its number grows with time, so that a child's is greater than its parents'.
type commit struct {
	estate.Commit
	tree   *tree
	number int
}

func newGit() git {
	return git{commits: map[string]*commit{}, branches: estate.Heads{}}
}

// commit makes a commit. The same content at the same time is the same commit.
func (g *git) commit(parents []string, t *tree, message, author string, at time.Time) *commit {
	message = strings.TrimRight(message, "\n") + "\n"
	h := sha1.New() //nolint:gosec // git's own hash
	fmt.Fprintf(h, "tree %s\nparents %s\nauthor %s %d\n\n%s", t.digest, strings.Join(parents, " "), author, at.Unix(), message)
	hash := hex.EncodeToString(h.Sum(nil))
	if c, ok := g.commits[hash]; ok {
		return c
	}
	g.made++
	c := &commit{estate.Commit{Hash: hash, Parents: parents, Message: message, Author: author, When: at}, t, g.made}
	g.commits[hash] = c
	return c
}

func (g *git) find(hash string) (*commit, error) {
	c, ok := g.commits[hash]
	if !ok {
		return nil, fmt.Errorf("%w: commit %s", failure.ErrNotFound, hash)
	}
	return c, nil
}

// both finds two commits.
func (g *git) both(a, b string) (*commit, *commit, error) {
	one, err := g.find(a)
	if err != nil {
		return nil, nil, err
	}
	other, err := g.find(b)
	return one, other, err
}

// parent is a commit's first parent, or nil.
func (g *git) parent(c *commit) *commit {
	if len(c.Parents) == 0 {
		return nil
	}
	return g.commits[c.Parents[0]]
}

// ancestors are a commit and all that it comes from.
func (g *git) ancestors(c *commit) map[*commit]bool {
	seen := map[*commit]bool{c: true}
	for todo := []*commit{c}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		for _, p := range at.Parents {
			if parent := g.commits[p]; parent != nil && !seen[parent] {
				seen[parent] = true
				todo = append(todo, parent)
			}
		}
	}
	return seen
}

// base is where two commits parted: their newest common ancestor; nil if they have none.
func (g *git) base(a, b *commit) *commit {
	ours := g.ancestors(a)
	var best *commit
	for c := range g.ancestors(b) {
		if ours[c] && (best == nil || c.number > best.number) {
			best = c
		}
	}
	return best
}

// lacking are the commits that theirs has and ours lacks, newest first.
func (g *git) lacking(ours, theirs *commit) []*commit {
	have := g.ancestors(ours)
	var out []*commit
	for c := range g.ancestors(theirs) {
		if !have[c] {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *commit) int { return b.number - a.number })
	return out
}

// changes are the commits on head's first-parent line that changed a path, newest first.
func (g *git) changes(head *commit, path string, limit int) []estate.Commit {
	var out []estate.Commit
	for c := head; c != nil && len(out) < limit; c = g.parent(c) {
		before := ""
		if p := g.parent(c); p != nil {
			before = p.tree.at(path)
		}
		if c.tree.at(path) != before {
			out = append(out, c.Commit)
		}
	}
	return out
}

// at identifies what stands at a path, file or directory; "" is nothing.
func (t *tree) at(path string) string {
	if f, ok := t.files[path]; ok {
		return f.hash
	}
	below := map[string]file{}
	for name, f := range t.files {
		if strings.HasPrefix(name, path+"/") {
			below[name] = f
		}
	}
	if len(below) == 0 {
		return ""
	}
	return sealed(below).digest
}

// divergence compares what happened on two commits since they parted.
func (g *git) divergence(ours, theirs *commit) (estate.Divergence, error) {
	base := g.base(ours, theirs)
	if base == nil {
		return estate.Divergence{}, fmt.Errorf("%w: the branches have nothing in common", failure.ErrRefused)
	}
	d := estate.Divergence{Base: base.Hash}
	have := g.ancestors(ours)
	for c := theirs; c != nil && !have[c]; c = g.parent(c) {
		d.Behind++
	}
	for _, path := range differences(base.tree, theirs.tree) {
		was, our, their := base.tree.files[path].hash, ours.tree.files[path].hash, theirs.tree.files[path].hash
		switch our {
		case their:
		case was:
			d.Take = append(d.Take, path)
		default:
			d.Conflicts = append(d.Conflicts, path)
		}
	}
	return d, nil
}

// merged is ours with what only theirs changed.
func (g *git) merged(ours, theirs *commit) (*tree, error) {
	d, err := g.divergence(ours, theirs)
	if err != nil {
		return nil, err
	}
	if len(d.Conflicts) > 0 {
		return nil, fmt.Errorf("%w: both sides changed %s", failure.ErrRefused, strings.Join(d.Conflicts, ", "))
	}
	var write []estate.File
	var remove []string
	for _, path := range d.Take {
		if f, ok := theirs.tree.files[path]; ok {
			write = append(write, estate.File{Path: path, Data: f.data})
		} else {
			remove = append(remove, path)
		}
	}
	return ours.tree.with(write, remove), nil
}

// head is the commit that a branch points at.
func (g *git) head(branch string) (*commit, error) {
	hash, ok := g.branches[branch]
	if !ok {
		return nil, fmt.Errorf("%w: branch %s", failure.ErrNotFound, branch)
	}
	return g.find(hash)
}
