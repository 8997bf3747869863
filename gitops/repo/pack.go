package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

const (
	// maxPacks is how many small packs may gather: each fetch and each commit adds one, and looking up an object
	// asks them one after the other. It is git's own gc.autoPackLimit.
	maxPacks = 50
	// smallPack is the size, in bytes, up to which a pack is joined with others. Larger ones are left alone, so the
	// work does not grow with the history.
	smallPack = 4 << 20
	// window is how many objects are tried as the base of another; git's default.
	window = 10
)

// consolidate joins the small packs into one when there are many. Every object is kept, reachable or not: somebody
// may be reading a commit whose branch was rewritten meanwhile.
func (s *store) consolidate() error {
	packs, err := smallPacks(s.dir)
	if err != nil || len(packs) <= maxPacks {
		return err
	}
	if err := join(s.dir, packs); err != nil {
		return fmt.Errorf("consolidate the clone in %s: %w", s.dir, err)
	}
	s.reload()
	return nil
}

func smallPacks(dir string) ([]string, error) {
	packs, err := packFiles(dir)
	if err != nil {
		return nil, err
	}
	var small []string
	for _, pack := range packs {
		info, err := os.Stat(pack + ".pack")
		if err != nil {
			return nil, err
		}
		if info.Size() <= smallPack {
			small = append(small, pack)
		}
	}
	return small, nil
}

// join writes a pack with the objects of all the given ones and removes those.
func join(dir string, packs []string) error {
	var hashes []plumbing.Hash
	seen := make(map[plumbing.Hash]bool)
	for _, pack := range packs {
		err := eachObject(pack+".idx", func(hash plumbing.Hash) {
			if !seen[hash] {
				seen[hash] = true
				hashes = append(hashes, hash)
			}
		})
		if err != nil {
			return fmt.Errorf("%s.idx: %w", filepath.Base(pack), err)
		}
	}
	objects := storage(dir, cache.NewObjectLRU(cacheSize))
	defer objects.Close()
	var joined bytes.Buffer
	name, err := encodePack(&joined, objects, hashes)
	if err != nil {
		return err
	}
	if err := addPack(dir, &joined); err != nil {
		return err
	}
	for _, pack := range packs {
		if pack == filepath.Join(packDir(dir), "pack-"+name.String()) {
			continue
		}
		if err := errors.Join(os.Remove(pack+".pack"), os.Remove(pack+".idx")); err != nil {
			return err
		}
	}
	return nil
}

func encodePack(w io.Writer, objects storer.EncodedObjectStorer, hashes []plumbing.Hash) (plumbing.Hash, error) {
	return packfile.NewEncoder(w, objects, false).Encode(hashes, window)
}

func eachObject(file string, f func(plumbing.Hash)) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	index := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(r).Decode(index); err != nil {
		return err
	}
	entries, err := index.Entries()
	if err != nil {
		return err
	}
	defer entries.Close()
	for {
		switch e, err := entries.Next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			f(e.Hash)
		}
	}
}
