package repo

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // git's checksum of a pack
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// The clone's directory holds the lock, the clone itself, and for a moment a clone that is to replace it. So a clone
// under its own name was complete once.
const (
	lockName  = "lock"
	cloneName = "clone.git"
	newName   = "clone.new"
)

// origin is the name under which the clone remembers whose clone it is.
const origin = "origin"

// lock takes the directory for this process. It refuses one that somebody uses for something else.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	isLock := func(e os.DirEntry) bool { return e.Name() == lockName }
	if len(entries) > 0 && !slices.ContainsFunc(entries, isLock) {
		return nil, refused("%s holds something else than a clone made by this program: name an empty directory", dir)
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	// The system releases the lock when the process ends, however it ends.
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, refused("%s is used by another process: stop that one or name another directory", dir)
	}
	return file, nil
}

// create makes an empty clone in dir, in the place of anything that is there.
func create(dir, url string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	objects := storage(dir, cache.NewObjectLRU(cacheSize))
	defer objects.Close()
	r, err := git.Init(objects, nil)
	if err != nil {
		return err
	}
	if _, err := r.CreateRemote(&config.RemoteConfig{Name: origin, URLs: []string{url}}); err != nil {
		return err
	}
	return os.MkdirAll(packDir(dir), 0o700)
}

// inspect tells why the clone in dir cannot be used, or nil. It reads every pack, and of every head all trees.
func inspect(dir, url string) error {
	objects := storage(dir, cache.NewObjectLRU(cacheSize))
	defer objects.Close()
	r, err := git.Open(objects, nil)
	if err != nil {
		return err
	}
	remote, err := r.Remote(origin)
	if err != nil {
		return err
	}
	if !slices.Equal(remote.Config().URLs, []string{url}) {
		return errors.New("it is a clone of another URL")
	}
	if head, err := r.Reference(plumbing.HEAD, false); err != nil || head.Type() != plumbing.SymbolicReference {
		return errors.New("its HEAD is not a branch")
	}
	packs, err := packFiles(dir)
	if err != nil {
		return err
	}
	for _, pack := range packs {
		if err := checkPack(pack + ".pack"); err != nil {
			return err
		}
	}
	heads, err := readHeads(dir)
	if err != nil {
		return err
	}
	return checkHeads(objects, slices.Collect(maps.Values(heads)))
}

// checkPack compares a pack with the checksum at its end.
func checkPack(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	sum := sha1.New() //nolint:gosec // git's checksum of a pack
	if info.Size() < int64(sum.Size()) {
		return fmt.Errorf("%s is cut short", filepath.Base(file))
	}
	if _, err := io.CopyN(sum, f, info.Size()-int64(sum.Size())); err != nil {
		return err
	}
	want := make([]byte, sum.Size())
	if _, err := io.ReadFull(f, want); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return fmt.Errorf("%s is cut short or changed", filepath.Base(file))
	}
	return nil
}

// checkHeads reads all trees of the commits and looks up their files.
func checkHeads(objects storer.EncodedObjectStorer, heads []plumbing.Hash) error {
	seen := make(map[plumbing.Hash]bool)
	var check func(plumbing.Hash) error
	check = func(hash plumbing.Hash) error {
		if seen[hash] {
			return nil
		}
		seen[hash] = true
		tree, err := object.GetTree(objects, hash)
		if err != nil {
			return fmt.Errorf("tree %s: %w", hash, err)
		}
		for _, e := range tree.Entries {
			switch e.Mode {
			case filemode.Submodule: // its commit is in another repository
			case filemode.Dir:
				err = check(e.Hash)
			default:
				if err = objects.HasEncodedObject(e.Hash); err != nil {
					err = fmt.Errorf("file %s: %w", e.Hash, err)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for _, head := range heads {
		c, err := object.GetCommit(objects, head)
		if err != nil {
			return fmt.Errorf("commit %s: %w", head, err)
		}
		if err := check(c.TreeHash); err != nil {
			return err
		}
	}
	return nil
}

// fill downloads into the clone in dir what it lacks of wants.
func fill(ctx context.Context, d *download, dir string, wants, haves []plumbing.Hash) error {
	// The pack is complete before go-git sees it: its writer leaks a temporary file and two descriptors when a pack
	// ends early.
	spool, err := os.CreateTemp(dir, "incoming-*.pack")
	if err != nil {
		return err
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	if err := d.objects(ctx, spool, wants, haves); err != nil {
		return err
	}
	if err := checkPack(spool.Name()); err != nil {
		return fmt.Errorf("the answer ended early: %w", err)
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return addPack(dir, spool)
}

// addPack writes a complete pack and its index into the clone in dir.
func addPack(dir string, pack io.Reader) error {
	objects := storage(dir, cache.NewObjectLRU(cacheSize))
	defer objects.Close()
	return packfile.WritePackfileToObjectStorage(objects, pack)
}

// packedRefs is the file that holds all heads. One file is replaced in one step, so after a crash the heads are
// those of one fetch; and a branch a may follow a branch a/b, which single files do not allow while a directory is
// left over.
const packedRefs = "packed-refs"

func writeHeads(dir string, heads map[string]plumbing.Hash) error {
	var b strings.Builder
	b.WriteString("# pack-refs with: sorted\n")
	for _, branch := range slices.Sorted(maps.Keys(heads)) {
		fmt.Fprintf(&b, "%s %s%s\n", heads[branch], headPrefix, branch)
	}
	file := filepath.Join(dir, packedRefs)
	if err := os.WriteFile(file+".new", []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func readHeads(dir string) (map[string]plumbing.Hash, error) {
	data, err := os.ReadFile(filepath.Join(dir, packedRefs))
	if err != nil {
		return nil, err
	}
	heads := make(map[string]plumbing.Hash)
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		hash, ref, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		branch, ok := strings.CutPrefix(ref, headPrefix)
		if !ok || !plumbing.IsHash(hash) {
			return nil, fmt.Errorf("%s is damaged", packedRefs)
		}
		heads[branch] = plumbing.NewHash(hash)
	}
	return heads, nil
}
