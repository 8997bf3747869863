package repo

import (
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// node is a file or directory of a snapshot: its fs.DirEntry.
type node struct {
	tree  *snapshot
	entry object.TreeEntry
}

func (n *node) Name() string      { return n.entry.Name }
func (n *node) IsDir() bool       { return isDir(n.entry) }
func (n *node) Type() fs.FileMode { return mode(n.entry).Type() }

// Info looks up the size, which git keeps with the content and not with the name.
func (n *node) Info() (fs.FileInfo, error) {
	i := info{node: n}
	if isDir(n.entry) {
		return i, nil
	}
	err := n.tree.store.read(func(objects storer.EncodedObjectStorer) (err error) {
		i.size, err = objects.EncodedObjectSize(n.entry.Hash)
		return err
	})
	return i, err
}

func mode(e object.TreeEntry) fs.FileMode {
	switch e.Mode {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Executable:
		return 0o555
	default:
		return 0o444
	}
}

// info is the fs.FileInfo of a node.
type info struct {
	*node
	size int64
}

func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return mode(i.entry) }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return "git:" + i.entry.Hash.String() }

// openFile is a file with its content.
type openFile struct {
	*node
	*strings.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.Info() }
func (f *openFile) Close() error               { return nil }

// openDir is a directory that is read bit by bit.
type openDir struct {
	*node
	name string
	rest []fs.DirEntry
	read bool
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.Info() }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDir}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		entries, err := d.tree.list(d.entry)
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: err}
		}
		d.rest, d.read = entries, true
	}
	if n <= 0 {
		entries := d.rest
		d.rest = nil
		return entries, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	entries := d.rest[:n]
	d.rest = d.rest[n:]
	return entries, nil
}
