package repo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Tree returns the files of a commit as a read-only file system that is safe for concurrent use. It implements
// fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and fs.ReadLinkFS. Symbolic links are followed within the tree only. A
// submodule is an empty directory. FileInfo.Sys is the string "git:" and the hash of the content, equal for equal
// content in any commit; times are zero, since git keeps none for files. It returns failure.ErrNotFound for a commit
// that is not in the clone.
func (r *Repository) Tree(hash string) (fs.FS, error) {
	t := &snapshot{store: r.store, trees: make(map[plumbing.Hash][]object.TreeEntry)}
	err := r.store.read(func(objects storer.EncodedObjectStorer) error {
		tree, err := treeOf(objects, hash)
		if err == nil {
			t.root = tree.Hash
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open tree: %w", err)
	}
	return t, nil
}

// snapshot is the tree of one commit.
type snapshot struct {
	store *store
	root  plumbing.Hash

	mu    sync.Mutex
	trees map[plumbing.Hash][]object.TreeEntry // directories read so far, sorted by name
}

// maxLinks is how many symbolic links one path may lead through, as on Linux.
const maxLinks = 40

var (
	errLinkLeaves = errors.New("symbolic link leaves the tree")
	errLinkLoop   = errors.New("too many symbolic links")
	errNotDir     = errors.New("not a directory")
	errIsDir      = errors.New("is a directory")
	errNotLink    = errors.New("not a symbolic link")
)

// Open implements fs.FS.
func (t *snapshot) Open(name string) (fs.File, error) {
	e, err := t.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	if isDir(e) {
		return &openDir{node: t.node(e), name: name}, nil
	}
	data, err := t.content(e)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{node: t.node(e), Reader: strings.NewReader(data)}, nil
}

// ReadFile implements fs.ReadFileFS.
func (t *snapshot) ReadFile(name string) ([]byte, error) {
	e, err := t.lookup("read", name, true)
	if err != nil {
		return nil, err
	}
	if isDir(e) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDir}
	}
	data, err := t.content(e)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return []byte(data), nil
}

// ReadDir implements fs.ReadDirFS.
func (t *snapshot) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	entries, err := t.list(e)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, nil
}

// Stat implements fs.StatFS.
func (t *snapshot) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (t *snapshot) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, false) }

// ReadLink implements fs.ReadLinkFS.
func (t *snapshot) ReadLink(name string) (string, error) {
	e, err := t.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	if e.Mode != filemode.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: errNotLink}
	}
	target, err := t.content(e)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

func (t *snapshot) stat(op, name string, follow bool) (fs.FileInfo, error) {
	e, err := t.lookup(op, name, follow)
	if err != nil {
		return nil, err
	}
	info, err := t.node(e).Info()
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return info, nil
}

// lookup finds the entry of a path; follow says whether to follow a symbolic link at its end.
func (t *snapshot) lookup(op, name string, follow bool) (object.TreeEntry, error) {
	if !fs.ValidPath(name) {
		return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	e, err := t.walk(name, follow)
	if err != nil {
		return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	e.Name = path.Base(name)
	return e, nil
}

func (t *snapshot) walk(name string, follow bool) (object.TreeEntry, error) {
	root := object.TreeEntry{Name: ".", Mode: filemode.Dir, Hash: t.root}
	at, dir, rest := root, ".", name
	for links := 0; rest != "." && rest != ""; {
		var first string
		first, rest, _ = strings.Cut(rest, "/")
		e, err := t.child(at, first)
		if err != nil {
			return object.TreeEntry{}, err
		}
		if e.Mode != filemode.Symlink || rest == "" && !follow {
			at, dir = e, path.Join(dir, first)
			continue
		}
		if links++; links > maxLinks {
			return object.TreeEntry{}, errLinkLoop
		}
		target, err := t.content(e)
		if err != nil {
			return object.TreeEntry{}, err
		}
		joined := path.Join(dir, target, rest)
		if path.IsAbs(target) || joined == ".." || strings.HasPrefix(joined, "../") {
			return object.TreeEntry{}, errLinkLeaves
		}
		// The walk begins again at the root, with the link replaced by its target.
		at, dir, rest = root, ".", joined
	}
	return at, nil
}

func (t *snapshot) child(dir object.TreeEntry, name string) (object.TreeEntry, error) {
	if !isDir(dir) {
		return object.TreeEntry{}, fs.ErrNotExist
	}
	entries, err := t.entries(dir)
	if err != nil {
		return object.TreeEntry{}, err
	}
	i, ok := slices.BinarySearchFunc(entries, name, func(e object.TreeEntry, name string) int { return cmp.Compare(e.Name, name) })
	if !ok {
		return object.TreeEntry{}, fs.ErrNotExist
	}
	return entries[i], nil
}

func (t *snapshot) list(dir object.TreeEntry) ([]fs.DirEntry, error) {
	if !isDir(dir) {
		return nil, errNotDir
	}
	entries, err := t.entries(dir)
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		list[i] = t.node(e)
	}
	return list, nil
}

func (t *snapshot) entries(dir object.TreeEntry) ([]object.TreeEntry, error) {
	if dir.Mode == filemode.Submodule {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if entries, ok := t.trees[dir.Hash]; ok {
		return entries, nil
	}
	var entries []object.TreeEntry
	err := t.store.read(func(objects storer.EncodedObjectStorer) error {
		tree, err := object.GetTree(objects, dir.Hash)
		if err != nil {
			return fmt.Errorf("tree %s: %w", dir.Hash, err)
		}
		entries = slices.Clone(tree.Entries)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// git sorts directories as if their names ended in a slash.
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return cmp.Compare(a.Name, b.Name) })
	t.trees[dir.Hash] = entries
	return entries, nil
}

// content is a string so that nobody changes what others read too.
func (t *snapshot) content(e object.TreeEntry) (string, error) {
	var b strings.Builder
	err := t.store.read(func(objects storer.EncodedObjectStorer) error {
		blob, err := object.GetBlob(objects, e.Hash)
		if err != nil {
			return fmt.Errorf("file %s: %w", e.Hash, err)
		}
		r, err := blob.Reader()
		if err != nil {
			return err
		}
		defer r.Close()
		b.Grow(int(blob.Size))
		_, err = io.Copy(&b, r)
		return err
	})
	return b.String(), err
}

func (t *snapshot) node(e object.TreeEntry) *node { return &node{tree: t, entry: e} }

func isDir(e object.TreeEntry) bool {
	return e.Mode == filemode.Dir || e.Mode == filemode.Submodule
}
