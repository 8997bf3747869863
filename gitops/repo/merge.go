package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"

	"cutover/gitops/estate"
)

// Divergence compares what happened on two commits since they parted: what a merge of theirs into ours would take, and
// what it could not. Contents are compared by hash, and only directories that differ are read. A file that both sides
// changed is a conflict even where the lines differ that they changed; one that both changed to the same is none. A
// renamed file is one that was removed and one that was added. Where each side has merged the other, so that they
// parted in more than one place, a path is taken only if it would be from each of them.
//
// It returns failure.ErrNotFound for a commit that is not in the clone, and failure.ErrRefused for two without history
// in common.
func (r *Repository) Divergence(ctx context.Context, ours, theirs string) (estate.Divergence, error) {
	if err := ctx.Err(); err != nil {
		return estate.Divergence{}, err
	}
	_, d, err := r.diverge(ours, theirs, memory.NewStorage())
	if err != nil {
		return estate.Divergence{}, fmt.Errorf("compare %.10s with %.10s: %w", theirs, ours, err)
	}
	return d, nil
}

// Merge makes a commit on the change's branch with the change's parent and theirs as its parents, pushes it and returns
// it: the files of Parent, with every path taken that only theirs changed, and then Write and Remove. If Parent has all
// of theirs already, it is an ordinary commit; Parent itself if nothing is written. It never moves the branch to theirs
// without a commit of its own, so that the branch's first-parent line stays its own.
//
// It fails as Commit does, and with failure.ErrRefused, naming the paths, if some are in conflict, written or not.
func (r *Repository) Merge(ctx context.Context, change estate.Change, theirs string) (string, error) {
	release, err := r.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := r.merge(ctx, change, theirs)
	if err != nil {
		return "", fmt.Errorf("merge %.10s into %s: %w", theirs, change.Branch, err)
	}
	return hash, nil
}

// maxNamed is how many paths in conflict an error names.
const maxNamed = 20

func (r *Repository) merge(ctx context.Context, change estate.Change, theirs string) (string, error) {
	if err := validBranch(change.Branch); err != nil {
		return "", err
	}
	edits, err := newEdits(change)
	if err != nil {
		return "", err
	}
	m := r.newMade(change, time.Now())
	root, d, err := r.diverge(change.Parent, theirs, m.objects)
	if err != nil {
		return "", err
	}
	if n := len(d.Conflicts); n > 0 {
		named := strings.Join(d.Conflicts[:min(n, maxNamed)], ", ")
		if n > maxNamed {
			named += fmt.Sprintf(" and %d more", n-maxNamed)
		}
		return "", refused("both sides changed %s since %.10s: a person has to bring them together", named, d.Base)
	}
	parents := []plumbing.Hash{plumbing.NewHash(change.Parent)}
	merged := d.Base == theirs
	if !merged {
		parents = append(parents, plumbing.NewHash(theirs))
	}
	changed, err := r.finish(m, root, parents, edits)
	if err != nil {
		return "", err
	}
	if merged && !changed {
		return change.Parent, nil
	}
	return r.land(ctx, change, m)
}

// diverge compares two commits, and writes to made what the tree of the first with what it would take lacks in the
// clone. With conflicts that tree is no use.
func (r *Repository) diverge(ours, theirs string, made *memory.Storage) (plumbing.Hash, estate.Divergence, error) {
	p, err := r.part(ours, theirs)
	if err != nil {
		return plumbing.ZeroHash, estate.Divergence{}, err
	}
	bases, err := p.bases(r.store)
	if err != nil {
		return plumbing.ZeroHash, estate.Divergence{}, err
	}
	d := estate.Divergence{Base: bases[0].Hash.String(), Behind: p.behind()}
	if p.merged() {
		return p.ours.TreeHash, d, nil
	}
	var root plumbing.Hash
	fates := make([]map[string]fate, len(bases))
	err = r.store.read(func(objects storer.EncodedObjectStorer) error {
		for i, base := range bases {
			m := merger{treeWriter: treeWriter{from: overlay{made, objects}, to: made}, fates: make(map[string]fate)}
			if root, err = m.tree(base.TreeHash, p.ours.TreeHash, p.theirs.TreeHash, ""); err != nil {
				return err
			}
			fates[i] = m.fates
		}
		return nil
	})
	if err != nil {
		return plumbing.ZeroHash, estate.Divergence{}, err
	}
	// With no conflict every base gives the same tree.
	for path, fate := range agree(fates) {
		if fate == take {
			d.Take = append(d.Take, path)
		} else {
			d.Conflicts = append(d.Conflicts, path)
		}
	}
	slices.Sort(d.Take)
	slices.Sort(d.Conflicts)
	return root, d, nil
}

// agree makes a conflict of every path about which the comparisons do not agree.
func agree(all []map[string]fate) map[string]fate {
	out := maps.Clone(all[0])
	for _, fates := range all[1:] {
		for path := range fates {
			if _, ok := out[path]; !ok {
				out[path] = conflict
			}
		}
		for path, fate := range out {
			if fates[path] != fate {
				out[path] = conflict
			}
		}
	}
	return out
}

// fate is what becomes of a path that theirs changed.
type fate string

const (
	take     fate = "take"
	conflict fate = "conflict"
)

// merger merges trees by path.
type merger struct {
	treeWriter
	fates map[string]fate
}

// tree merges three trees, each zero if there is none, and returns the merged one, zero if nothing is left of it. The
// prefix is the directory's path with a slash.
func (m merger) tree(base, ours, theirs plumbing.Hash, prefix string) (plumbing.Hash, error) {
	if base == theirs || ours == theirs {
		return ours, nil
	}
	before, err := m.entries(base)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	mine, err := m.entries(ours)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	yours, err := m.entries(theirs)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	names := make(map[string]bool)
	for _, entries := range []map[string]object.TreeEntry{before, mine, yours} {
		for name := range entries {
			names[name] = true
		}
	}
	merged := maps.Clone(mine)
	for name := range names {
		entry, ok, err := m.entry(before[name], mine[name], yours[name], prefix+name)
		switch {
		case err != nil:
			return plumbing.ZeroHash, err
		case ok:
			entry.Name = name
			merged[name] = entry
		default:
			delete(merged, name)
		}
	}
	switch {
	case maps.Equal(merged, mine):
		return ours, nil
	case maps.Equal(merged, yours):
		return theirs, nil
	case len(merged) == 0:
		return plumbing.ZeroHash, nil
	}
	return m.write(slices.Collect(maps.Values(merged)))
}

// entry merges what the three trees have under one name, each zero if it has nothing there. A name may be a file on one
// side and a directory on another; what is below it is then merged apart from the file, and only one of them may be left.
func (m merger) entry(base, ours, theirs object.TreeEntry, path string) (_ object.TreeEntry, ok bool, err error) {
	file, dir := fileOf(ours), dirOf(ours)
	switch b, t := fileOf(base), fileOf(theirs); {
	case same(b, t), same(file, t):
	case same(b, file):
		file, m.fates[path] = t, take
	default:
		m.fates[path] = conflict
	}
	if dir, err = m.tree(dirOf(base), dir, dirOf(theirs), path+"/"); err != nil {
		return object.TreeEntry{}, false, err
	}
	switch {
	case file.Hash.IsZero():
		return object.TreeEntry{Mode: filemode.Dir, Hash: dir}, !dir.IsZero(), nil
	case dir.IsZero():
		return file, true, nil
	}
	// A file on one side, and on the other files below it.
	maps.DeleteFunc(m.fates, func(other string, _ fate) bool { return strings.HasPrefix(other, path+"/") })
	m.fates[path] = conflict
	return file, true, nil
}

func (m merger) entries(tree plumbing.Hash) (map[string]object.TreeEntry, error) {
	entries := make(map[string]object.TreeEntry)
	if tree.IsZero() {
		return entries, nil
	}
	t, err := object.GetTree(m.from, tree)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", tree, err)
	}
	for _, e := range t.Entries {
		entries[e.Name] = e
	}
	return entries, nil
}

// overlay reads what was made before what is in the clone.
type overlay struct {
	made *memory.Storage
	storer.EncodedObjectStorer
}

// EncodedObject implements storer.EncodedObjectStorer.
func (o overlay) EncodedObject(t plumbing.ObjectType, hash plumbing.Hash) (plumbing.EncodedObject, error) {
	object, err := o.made.EncodedObject(t, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return o.EncodedObjectStorer.EncodedObject(t, hash)
	}
	return object, err
}

// fileOf is an entry unless it is a directory.
func fileOf(e object.TreeEntry) object.TreeEntry {
	if e.Mode == filemode.Dir {
		return object.TreeEntry{}
	}
	return e
}

// dirOf is the tree of an entry that is a directory.
func dirOf(e object.TreeEntry) plumbing.Hash {
	if e.Mode == filemode.Dir {
		return e.Hash
	}
	return plumbing.ZeroHash
}

func same(a, b object.TreeEntry) bool { return a.Mode == b.Mode && a.Hash == b.Hash }
