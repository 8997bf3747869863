package values

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Limits on what a repository may make us read.
const (
	maxFile    = 1 << 20 // bytes in one file
	maxTotal   = 64 << 20
	maxEntries = 100_000 // files, directories and links looked at, counted each time
	maxLinks   = 40      // symbolic links in one path, as in Linux
)

var errTooMuch = fmt.Errorf("the repository makes the program read more than %d MiB or %d files: remove what is no values file", maxTotal>>20, maxEntries)

// tree reads a file system and never leaves it: it follows symbolic links itself, step by step, and opens only
// paths that hold none.
type tree struct {
	fsys    fs.FS
	dirs    map[string][]fs.DirEntry // listings by path
	linked  map[string]bool          // links that were followed, and where they led to; directories end in "/"
	entries int
	bytes   int64
}

func newTree(fsys fs.FS) *tree {
	return &tree{fsys: fsys, dirs: map[string][]fs.DirEntry{}, linked: map[string]bool{}}
}

// node is a file or directory that was found, by a path without symbolic links.
type node struct {
	path  string
	entry fs.DirEntry // nil for the root
}

func (n node) isDir() bool { return n.entry == nil || n.entry.IsDir() }

// find returns what name leads to. It fails with fs.ErrNotExist if there is nothing.
func (t *tree) find(name string) (node, error) {
	if t.entries++; t.entries > maxEntries {
		return node{}, errTooMuch
	}
	at, links := node{path: "."}, 0
	rest := strings.Split(path.Clean(name), "/")
	for len(rest) > 0 {
		step := rest[0]
		rest = rest[1:]
		if step == "." {
			continue
		}
		entry, err := t.child(at, step)
		if err != nil {
			return node{}, err
		}
		next := path.Join(at.path, step)
		if entry.Type()&fs.ModeSymlink == 0 {
			at = node{next, entry}
			continue
		}
		if links++; links > maxLinks {
			return node{}, fmt.Errorf("symbolic link %s leads back to itself", name)
		}
		target, err := t.follow(next)
		if err != nil {
			return node{}, err
		}
		t.linked[next] = true
		at = node{path: "."}
		rest = append(strings.Split(target, "/"), rest...)
	}
	switch {
	case links == 0:
	case at.isDir():
		t.linked[at.path+"/"] = true
	default:
		t.linked[at.path] = true
	}
	return at, nil
}

// follow returns the path that the symbolic link at name points to.
func (t *tree) follow(name string) (string, error) {
	if t.entries++; t.entries > maxEntries {
		return "", errTooMuch
	}
	target, err := fs.ReadLink(t.fsys, name)
	if err != nil {
		return "", fmt.Errorf("symbolic link %s cannot be read (%w): replace it by the file itself", name, cause(err))
	}
	joined := path.Join(path.Dir(name), target)
	if path.IsAbs(target) || !fs.ValidPath(joined) {
		return "", fmt.Errorf("symbolic link %s leads to %s, outside the repository: replace it by the file itself", name, quote(target))
	}
	return joined, nil
}

func (t *tree) child(dir node, name string) (fs.DirEntry, error) {
	if !dir.isDir() {
		return nil, fs.ErrNotExist
	}
	entries, err := t.list(dir)
	if err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(entries, name, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
	if !found {
		return nil, fs.ErrNotExist
	}
	return entries[i], nil
}

// list returns what stands in a directory, sorted by name.
func (t *tree) list(dir node) ([]fs.DirEntry, error) {
	if entries, ok := t.dirs[dir.path]; ok {
		return entries, nil
	}
	entries, err := fs.ReadDir(t.fsys, dir.path)
	if err != nil {
		return nil, fmt.Errorf("directory %s cannot be listed: %w", dir.path, cause(err))
	}
	if t.entries += len(entries); t.entries > maxEntries {
		return nil, errTooMuch
	}
	t.dirs[dir.path] = entries
	return entries, nil
}

// contentID is what a git file system says of a file's content: "git:" and the blob's hash. It is "" if the
// content has to be read to be known.
func contentID(info fs.FileInfo) string {
	if id, ok := info.Sys().(string); ok && strings.HasPrefix(id, "git:") {
		return id
	}
	return ""
}

// stat checks that a node is a file that may be read, and returns its information.
func (t *tree) stat(n node) (fs.FileInfo, error) {
	if n.isDir() {
		return nil, errors.New("is a directory, not a file")
	}
	if !n.entry.Type().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	info, err := n.entry.Info()
	if err != nil {
		return nil, cause(err)
	}
	if info.Size() > maxFile {
		return nil, errTooLarge
	}
	if t.bytes += info.Size(); t.bytes > maxTotal {
		return nil, errTooMuch
	}
	return info, nil
}

var errTooLarge = fmt.Errorf("file is larger than %d MiB", maxFile>>20)

// read returns the content of a file that stat has checked.
func (t *tree) read(n node) ([]byte, error) {
	f, err := t.fsys.Open(n.path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxFile {
		return nil, errTooLarge
	}
	return data, nil
}

// cause strips the operation and path from an error of a file system: the problem names the file already.
func cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
