package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"cutover/reconciler/failure"
)

// cacheSize bounds the objects that a clone keeps in memory, in bytes.
const cacheSize = 32 * cache.MiByte

// store reads the clone's objects. go-git's storage is not safe for concurrent use, even by readers (go-git issue
// 773), hence the mutex; and it does not see packs that came later, hence reload.
type store struct {
	mu      sync.Mutex
	dir     string
	objects *filesystem.Storage
	cache   cache.Object
	damage  error // the first sign that the clone is damaged
}

func openStore(dir string) *store {
	s := &store{dir: dir, cache: cache.NewObjectLRU(cacheSize)}
	s.objects = storage(dir, s.cache)
	return s
}

// storage opens the clone in dir. Packs stay open until it is closed, since opening one costs as much as reading an
// object.
func storage(dir string, objects cache.Object) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(dir), objects, filesystem.Options{KeepDescriptors: true})
}

// reload makes packs visible that came into the clone, after which the ones that they replace may go.
func (s *store) reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects.Close()
	s.objects = storage(s.dir, s.cache)
}

// replace puts the clone that stands in dir into the place of this one.
func (s *store) replace(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects.Close()
	err := os.RemoveAll(s.dir)
	if err == nil {
		err = os.Rename(dir, s.dir)
	}
	s.cache.Clear()
	s.objects = storage(s.dir, s.cache)
	if err == nil {
		s.damage = nil
	}
	return err
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects.Close()
}

// read calls f with the objects, which f must not keep. An error of f that does not name a kind of failure is a sign
// of damage: everything that a commit of ours leads to has to be there.
func (s *store) read(f func(storer.EncodedObjectStorer) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := f(s.objects)
	if err == nil || isKind(err) {
		return err
	}
	if s.damage == nil {
		s.damage = err
	}
	return fmt.Errorf("%w: the clone in %s is damaged, and the next fetch makes a new one: %w", failure.ErrTransient, s.dir, err)
}

func isKind(err error) bool {
	return errors.Is(err, failure.ErrNotFound) || errors.Is(err, failure.ErrRefused) || errors.Is(err, failure.ErrConflict)
}

// damaged returns the first sign of damage, or nil.
func (s *store) damaged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damage
}

// commit reads a commit that may not be in the clone.
func commit(objects storer.EncodedObjectStorer, hash string) (*object.Commit, error) {
	if !plumbing.IsHash(hash) {
		return nil, refused("%q is not the hash of a commit", hash)
	}
	c, err := object.GetCommit(objects, plumbing.NewHash(hash))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("commit %s: %w", hash, failure.ErrNotFound)
	}
	return c, err
}

// packFiles are the clone's packs, as paths without extension.
func packFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(packDir(dir), "pack-*.pack"))
	for i, file := range files {
		files[i] = file[:len(file)-len(".pack")]
	}
	return files, err
}

func packDir(dir string) string { return filepath.Join(dir, "objects", "pack") }
