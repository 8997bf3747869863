package reconciler

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// merged is a tree with some paths as another one has them, or without them if that lacks them: what a merge makes. Names
// lead through no symbolic links, as package values resolves them itself.
type merged struct {
	ours, theirs fs.FS
	take         map[string]bool
	above        map[string]bool // the directories above what is taken
}

func newMerged(ours, theirs fs.FS, take []string) merged {
	m := merged{ours, theirs, map[string]bool{}, map[string]bool{}}
	for _, name := range take {
		m.take[name] = true
		for dir := path.Dir(name); !m.above[dir]; dir = path.Dir(dir) {
			m.above[dir] = true
		}
	}
	return m
}

func (m merged) side(name string) fs.FS {
	if m.take[name] {
		return m.theirs
	}
	return m.ours
}

// Open implements fs.FS, for files.
func (m merged) Open(name string) (fs.File, error) { return m.side(name).Open(name) }

// ReadLink implements fs.ReadLinkFS.
func (m merged) ReadLink(name string) (string, error) { return fs.ReadLink(m.side(name), name) }

// Lstat implements fs.ReadLinkFS.
func (m merged) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(m.side(name), name) }

// ReadDir implements fs.ReadDirFS.
func (m merged) ReadDir(dir string) ([]fs.DirEntry, error) {
	ours, err := entries(m.ours, dir)
	if err != nil {
		return nil, err
	}
	theirs, err := entries(m.theirs, dir)
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for _, e := range ours {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			if here, err := m.has(name); err != nil {
				return nil, err
			} else if !here {
				continue
			}
		} else if m.take[name] {
			continue
		}
		out = append(out, e)
	}
	for _, e := range theirs {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			known := slices.ContainsFunc(out, func(o fs.DirEntry) bool { return o.Name() == e.Name() })
			if known || !m.above[name] {
				continue
			}
			if here, err := m.has(name); err != nil {
				return nil, err
			} else if !here {
				continue
			}
		} else if !m.take[name] {
			continue
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// has says that a directory is not left empty, which git would not keep.
func (m merged) has(dir string) (bool, error) {
	if !m.above[dir] {
		return true, nil
	}
	list, err := m.ReadDir(dir)
	return len(list) > 0, err
}

// entries lists a directory of one side; nothing if there is none.
func entries(tree fs.FS, dir string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(tree, dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, nil //nolint:nilerr // a file of this side stands where the other one has a directory
	}
	return fs.ReadDir(tree, dir)
}
