package values

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"cutover/gitops/estate"
)

// Read parses a values repository at one revision. The estate holds what could be read; nothing may be written
// anywhere from it unless problems is empty.
func Read(fsys fs.FS) (*estate.Estate, Problems) { return new(Reader).Read(fsys) }

// Reader reads revision after revision of a values repository, and parses a file only when its content has
// changed. Its zero value is ready to use, by several goroutines too.
//
// The estates share what did not change, so that they must not be changed. If the file information of fsys
// answers Sys with a string "git:" and the blob's hash, files that were parsed before are not even read.
type Reader struct {
	mu    sync.Mutex
	pass  int
	cache map[contentKey]*cached
}

// keptPasses is how many passes a document stays in the cache without being used: enough for main, a
// migration's branch and a pull request to take turns.
const keptPasses = 8

type contentKey struct {
	id   string
	kind fileKind
}

type cached struct {
	document *document
	values   map[string]any // of a values file
	pass     int            // when it was last used
}

// Read does what the function Read does, faster.
func (r *Reader) Read(fsys fs.FS) (*estate.Estate, Problems) { return r.ReadAt(fsys, time.Time{}) }

// ReadAt does what Read does, as of a time: an exception from the freeze that has ended by then may name a service that is
// gone.
func (r *Reader) ReadAt(fsys fs.FS, now time.Time) (*estate.Estate, Problems) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cache == nil {
		r.cache = map[contentKey]*cached{}
	}
	r.pass++
	p := &pass{
		Reader: r, now: now, tree: newTree(fsys), estate: &estate.Estate{},
		found: map[string]int{}, doubtful: map[estate.ServiceID]bool{},
	}
	p.readEstate()
	p.readMigrations()
	p.readServices()
	p.overlay()
	p.checkMigrations()
	p.estate.Linked = slices.Sorted(maps.Keys(p.tree.linked))
	p.estate.Sort()
	for key, c := range r.cache {
		if r.pass-c.pass >= keptPasses {
			delete(r.cache, key)
		}
	}
	return p.estate, p.problems.sorted()
}

// pass is one reading of one revision.
type pass struct {
	*Reader
	now      time.Time
	tree     *tree
	estate   *estate.Estate
	problems Problems
	found    map[string]int // problems by file

	main       *file // cutover.yaml; nil if there is none
	migrations []*migrationFiles
	doubtful   map[estate.ServiceID]bool // services, without namespace, whose service.yaml is missing or at fault
}

// maxProblems is how many problems of one file are told. A file that has more is not what its name says.
const maxProblems = 100

func (p *pass) report(path string, line int, format string, args ...any) {
	p.found[path]++
	switch n := p.found[path]; {
	case n < maxProblems:
		p.problems.add(path, line, format, args...)
	case n == maxProblems:
		p.problems.add(path, line, "and more problems, which are told when these are gone")
	}
}

// reportError reports why a file or directory cannot be read. That the whole is too much is told once.
func (p *pass) reportError(path string, err error) {
	if errors.Is(err, errTooMuch) {
		path = estatePath
	}
	p.report(path, 1, "%w", err)
}

// file is a document at its path.
type file struct {
	*document
	path   string
	pass   *pass
	values map[string]any // of a values file
}

// report adds a problem of the value at a path of keys and indexes in the file.
func (f *file) report(place []string, format string, args ...any) {
	f.pass.report(f.path, f.line(place...), format, args...)
}

// reportKey adds a problem of the key at the end of a path.
func (f *file) reportKey(place []string, format string, args ...any) {
	f.pass.report(f.path, f.keyLine(place...), format, args...)
}

// sound tells whether the file could be read as YAML at all, so that what is missing in it is really missing.
func (f *file) sound() bool { return f != nil && f.root != nil }

// knows tells whether all below a top key of the file could be read, so that a name that is not there does not
// exist. It keeps one mistake from being told twice.
func (f *file) knows(key string) bool { return f.sound() && !f.faulty[key] }

// open returns the file at path and reports what is wrong in it. It returns nil if there is no such file, or
// none that can be read.
func (p *pass) open(path string, kind fileKind) *file {
	c, err := p.load(path, kind)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		p.reportError(path, err)
		return nil
	}
	for _, fault := range c.document.faults {
		p.report(path, fault.line, "%s", fault.message)
	}
	return &file{c.document, path, p, c.values}
}

// load returns the content at path, parsed as its kind.
func (p *pass) load(path string, kind fileKind) (*cached, error) {
	n, err := p.tree.find(path)
	if err != nil {
		return nil, err
	}
	info, err := p.tree.stat(n)
	if err != nil {
		return nil, err
	}
	key := contentKey{contentID(info), kind}
	if c := p.cached(key); c != nil {
		return c, nil
	}
	data, err := p.tree.read(n)
	if err != nil {
		return nil, err
	}
	if key.id == "" {
		sum := sha256.Sum256(data)
		key.id = "sha256:" + hex.EncodeToString(sum[:])
		if c := p.cached(key); c != nil {
			return c, nil
		}
	}
	c := parseAs(kind, data)
	c.pass = p.Reader.pass
	p.cache[key] = c
	return c, nil
}

func (r *Reader) cached(key contentKey) *cached {
	c := r.cache[key]
	if c != nil {
		c.pass = r.pass
	}
	return c
}

func parseAs(kind fileKind, data []byte) *cached {
	if kind == rawKind {
		return &cached{document: &document{source: data}}
	}
	d := parse(data)
	c := &cached{document: d}
	switch {
	case kind == valuesKind:
		c.values = map[string]any{}
		if d.root == nil {
			break
		}
		if err := json.Unmarshal(d.json, &c.values); err != nil {
			d.fail(d.root.Line, "a values file must be a mapping")
			c.values = map[string]any{}
		}
	case d.root != nil:
		d.conform(schemas()[kind])
	case len(d.faults) == 0 && kind != versionsKind && kind != breakGlassKind:
		d.fail(1, "file is empty")
	}
	return c
}

// parsed returns the name that s was checked to be. What is no name was reported where it stands, and is zero.
func parsed[N any](parse func(string) (N, error), s string) N {
	name, err := parse(s)
	if err != nil {
		var zero N
		return zero
	}
	return name
}
