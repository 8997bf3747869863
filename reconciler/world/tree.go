package world

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // git's own hash
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"cutover/gitops/estate"
)

// tree is the files of a commit. It never changes; trees share their files.
type tree struct {
	files  map[string]file
	digest string
	index  sync.Once
	dirs   map[string][]fs.DirEntry
}

// file is one file's content and its hash.
type file struct {
	data []byte
	hash string
}

func newFile(data []byte) file {
	h := sha1.New() //nolint:gosec // git's own hash
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return file{data, hex.EncodeToString(h.Sum(nil))}
}

// trees are those that exist, by digest, so that worlds share them and their listings.
var trees sync.Map // of *tree

func treeOf(files []estate.File) *tree {
	all := make(map[string]file, len(files))
	for _, f := range files {
		all[f.Path] = newFile(f.Data)
	}
	return sealed(all)
}

func sealed(files map[string]file) *tree {
	h := sha1.New() //nolint:gosec // git's own hash
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s\x00%s\n", name, files[name].hash)
	}
	t := &tree{files: files, digest: hex.EncodeToString(h.Sum(nil))}
	found, _ := trees.LoadOrStore(t.digest, t)
	return found.(*tree)
}

// with is the tree with some files written and some removed.
func (t *tree) with(write []estate.File, remove []string) *tree {
	files := maps.Clone(t.files)
	for _, f := range write {
		files[f.Path] = newFile(f.Data)
	}
	for _, name := range remove {
		delete(files, name)
	}
	return sealed(files)
}

// differences are the paths in which two trees differ, sorted.
func differences(a, b *tree) []string {
	var out []string
	if a == b {
		return nil
	}
	for name, f := range a.files {
		if b.files[name].hash != f.hash {
			out = append(out, name)
		}
	}
	for name := range b.files {
		if _, ok := a.files[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// list makes the directories' listings.
func (t *tree) list() {
	t.dirs = map[string][]fs.DirEntry{".": nil}
	var add func(dir string, e entry)
	add = func(dir string, e entry) {
		if _, ok := t.dirs[dir]; !ok {
			t.dirs[dir] = nil
			add(path.Dir(dir), entry{name: path.Base(dir), dir: true})
		}
		t.dirs[dir] = append(t.dirs[dir], e)
	}
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		add(path.Dir(name), entry{name: path.Base(name), file: t.files[name]})
	}
	for _, entries := range t.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	t.index.Do(t.list)
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if f, ok := t.files[name]; ok {
		return &openFile{entry{name: path.Base(name), file: f}, bytes.NewReader(f.data)}, nil
	}
	if entries, ok := t.dirs[name]; ok {
		return &openDir{entry: entry{name: path.Base(name), dir: true}, rest: entries}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir implements fs.ReadDirFS.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	t.index.Do(t.list)
	entries, ok := t.dirs[name]
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(entries), nil
}

// ReadFile implements fs.ReadFileFS.
func (t *tree) ReadFile(name string) ([]byte, error) {
	f, ok := t.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(f.data), nil
}

// entry is a file or a directory: its fs.DirEntry and its fs.FileInfo.
type entry struct {
	name string
	dir  bool
	file file
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.dir }
func (e entry) Type() fs.FileMode          { return e.Mode().Type() }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Size() int64                { return int64(len(e.file.data)) }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// Sys tells the blob's hash, by which a values.Reader knows what it has read before.
func (e entry) Sys() any { return "git:" + e.file.hash }

type openFile struct {
	entry
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *openFile) Close() error               { return nil }
func (f *openFile) Size() int64                { return f.entry.Size() }

type openDir struct {
	entry
	rest []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.entry, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.rest)
	} else if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	out := slices.Clone(d.rest[:n])
	d.rest = d.rest[n:]
	return out, nil
}
