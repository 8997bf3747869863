package repo

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"cutover/gitops/estate"
)

// edits are the changes below one directory.
type edits struct {
	files map[string]*estate.File // by name in the directory; nil removes the file
	dirs  map[string]*edits
}

func emptyEdits() *edits {
	return &edits{files: make(map[string]*estate.File), dirs: make(map[string]*edits)}
}

// newEdits sorts a change by directory. It refuses paths that cannot stand in a tree, and two changes of one path.
func newEdits(change estate.Change) (*edits, error) {
	root := emptyEdits()
	for i := range change.Write {
		if err := root.add(change.Write[i].Path, &change.Write[i]); err != nil {
			return nil, err
		}
	}
	for _, p := range change.Remove {
		if err := root.add(p, nil); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func (e *edits) add(name string, file *estate.File) error {
	if !fs.ValidPath(name) || name == "." || strings.Contains(name, "\x00") {
		return refused("%q is not a path in a repository", name)
	}
	dir, base := path.Split(name)
	for part := range strings.SplitSeq(name, "/") {
		if strings.EqualFold(part, ".git") {
			return refused("%q: git allows no %s in a tree", name, part)
		}
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(dir, "/"), "/") {
		if part == "" {
			continue
		}
		if e.dirs[part] == nil {
			e.dirs[part] = emptyEdits()
		}
		e = e.dirs[part]
	}
	if _, ok := e.files[base]; ok {
		return refused("%q is changed twice", name)
	}
	e.files[base] = file
	return nil
}

// treeWriter reads the trees of one commit and writes those of the next.
type treeWriter struct {
	from, to storer.EncodedObjectStorer
}

// root returns the tree that the edits make of a commit's tree, which is zero for no commit.
func (w treeWriter) root(before plumbing.Hash, e *edits) (plumbing.Hash, error) {
	after, err := w.tree(before, "", e)
	if err == nil && after.IsZero() {
		return w.write(nil) // a commit has a tree even if it has no file
	}
	return after, err
}

// tree returns the tree that the edits make of another, or zero if nothing is left of it: git keeps no empty
// directories. The prefix is the directory's path with a slash, for errors.
func (w treeWriter) tree(before plumbing.Hash, prefix string, e *edits) (plumbing.Hash, error) {
	entries := make(map[string]object.TreeEntry)
	if !before.IsZero() {
		tree, err := object.GetTree(w.from, before)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		for _, entry := range tree.Entries {
			entries[entry.Name] = entry
		}
	}
	untouched := maps.Clone(entries)
	for name, file := range e.files {
		entry, exists := entries[name]
		if exists && !entry.Mode.IsRegular() && entry.Mode != filemode.Executable {
			return plumbing.ZeroHash, refused("%s%s is %s: only files are written or removed", prefix, name, entryKind(entry))
		}
		if file == nil {
			delete(entries, name)
			continue
		}
		hash, err := w.blob(file.Data)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if !exists {
			entry = object.TreeEntry{Name: name, Mode: filemode.Regular}
		}
		entry.Hash = hash
		entries[name] = entry
	}
	for name, below := range e.dirs {
		entry, exists := entries[name]
		if exists && entry.Mode != filemode.Dir {
			return plumbing.ZeroHash, refused("%s%s is %s and no directory", prefix, name, entryKind(entry))
		}
		hash, err := w.tree(entry.Hash, prefix+name+"/", below)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if hash.IsZero() {
			delete(entries, name)
			continue
		}
		entries[name] = object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: hash}
	}
	switch {
	case maps.Equal(entries, untouched):
		return before, nil
	case len(entries) == 0:
		return plumbing.ZeroHash, nil
	}
	return w.write(slices.Collect(maps.Values(entries)))
}

func (w treeWriter) write(entries []object.TreeEntry) (plumbing.Hash, error) {
	sort.Sort(object.TreeEntrySorter(entries))
	encoded := w.to.NewEncodedObject()
	if err := (&object.Tree{Entries: entries}).Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return w.to.SetEncodedObject(encoded)
}

func (w treeWriter) blob(data []byte) (plumbing.Hash, error) {
	encoded := w.to.NewEncodedObject()
	encoded.SetType(plumbing.BlobObject)
	writer, err := encoded.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := writer.Write(data); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := writer.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return w.to.SetEncodedObject(encoded)
}

func entryKind(e object.TreeEntry) string {
	switch e.Mode {
	case filemode.Dir:
		return "a directory"
	case filemode.Symlink:
		return "a symbolic link"
	case filemode.Submodule:
		return "a submodule"
	default:
		return "a file"
	}
}
