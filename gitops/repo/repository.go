package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// Repository is the clone and its remote. It is safe for concurrent use.
type Repository struct {
	remote *remote
	author Identity
	lock   *os.File
	dir    string // of the clone and what stands beside it
	store  *store

	// busy has room for one: Fetch and Commit change the clone one at a time. It guards what follows.
	busy      chan struct{}
	heads     map[string]plumbing.Hash // as the clone has them
	reported  map[string]plumbing.Hash // as Fetch told them last
	opened    map[string]plumbing.Hash // as Open found them
	recovered string
}

// Open opens the clone in the configured directory, or makes one. It asks the remote only when there is no usable
// clone, so a daemon starts while the remote is away. It returns failure.ErrRefused for a configuration that cannot
// work, and for a directory that another process uses or that holds something else.
func Open(ctx context.Context, config Config) (*Repository, error) {
	if _, err := config.endpoint(); err != nil {
		return nil, refused("%v", err)
	}
	lock, err := lock(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the clone: %w", err)
	}
	r, err := open(ctx, config, lock)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("open the clone: %w", err)
	}
	return r, nil
}

func open(ctx context.Context, config Config, lock *os.File) (*Repository, error) {
	remote, err := newRemote(config)
	if err != nil {
		return nil, err
	}
	r := &Repository{
		remote: remote, author: config.Author, lock: lock, dir: config.Dir,
		store: openStore(filepath.Join(config.Dir, cloneName)),
		busy:  make(chan struct{}, 1),
	}
	if err := removeLeftovers(r.dir); err != nil {
		return nil, err
	}
	_, err = os.Stat(r.store.dir)
	existed := err == nil
	if existed {
		err = inspect(r.store.dir, remote.url)
	}
	if err == nil {
		r.heads, err = readHeads(r.store.dir)
		r.reported, r.opened = r.heads, r.heads
		return r, err
	}
	if err := r.clone(ctx); err != nil {
		return nil, err
	}
	if existed {
		r.recovered = err.Error()
	}
	return r, nil
}

// removeLeftovers removes what an earlier process did not finish.
func removeLeftovers(dir string) error {
	clone := filepath.Join(dir, cloneName)
	incoming, err := filepath.Glob(filepath.Join(clone, "incoming-*"))
	if err != nil {
		return err
	}
	half, err := filepath.Glob(filepath.Join(packDir(clone), "tmp_pack_*"))
	if err != nil {
		return err
	}
	for _, path := range append(append(incoming, half...), filepath.Join(dir, newName)) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// Opened returns the branches as Open found them: those of the last Fetch of an earlier process; none if Open made the
// clone.
func (r *Repository) Opened() estate.Heads { return asHeads(r.opened) }

func asHeads(hashes map[string]plumbing.Hash) estate.Heads {
	heads := make(estate.Heads, len(hashes))
	for branch, hash := range hashes {
		heads[branch] = hash.String()
	}
	return heads
}

// Close ends the use of the directory. Snapshots that Tree returned must not be read afterwards.
func (r *Repository) Close() error {
	return errors.Join(r.store.close(), r.lock.Close())
}

// acquire waits for the turn to change the clone.
func (r *Repository) acquire(ctx context.Context) (release func(), err error) {
	select {
	case r.busy <- struct{}{}:
		return func() { <-r.busy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Update is what a Fetch found.
type Update struct {
	// Heads are all branches of the remote.
	Heads estate.Heads
	// Moved are the branches that differ from the Update before, of Fetch or of the same Watch, sorted by name. In
	// the first Update they differ from the clone that Open found.
	Moved []Move
	// Recovered says why the clone had to be made again since the Update before, or is empty.
	Recovered string
}

// Move is a branch that points elsewhere than before.
type Move struct {
	Branch   string
	From, To string // commits; From is empty for Created, To for Deleted
	Kind     Kind
}

// Kind says how a branch moved.
type Kind int

const (
	// FastForward: the old commit is an ancestor of the new one.
	FastForward Kind = iota + 1
	// Rewritten: the old commit is no ancestor of the new one. It may be gone from the clone.
	Rewritten
	// Created: the branch is new.
	Created
	// Deleted: the branch is gone.
	Deleted
)

var kindNames = map[Kind]string{FastForward: "fast-forward", Rewritten: "rewritten", Created: "created", Deleted: "deleted"}

func (k Kind) String() string { return kindNames[k] }

// Fetch brings the clone up to the remote's branches. It returns failure.ErrTransient when asking again may help,
// failure.ErrRefused when a person has to change the configuration, and failure.ErrNotFound when the remote has no
// such repository.
func (r *Repository) Fetch(ctx context.Context) (Update, error) {
	return r.fetchSince(ctx, &r.reported)
}

// fetchSince fetches and reports what moved since the heads that reported points at, which it then replaces.
func (r *Repository) fetchSince(ctx context.Context, reported *map[string]plumbing.Hash) (Update, error) {
	release, err := r.acquire(ctx)
	if err != nil {
		return Update{}, err
	}
	defer release()
	if err := r.fetch(ctx); err != nil {
		return Update{}, err
	}
	moved, err := r.moves(*reported, r.heads)
	if err != nil {
		return Update{}, err
	}
	u := Update{Heads: asHeads(r.heads), Moved: moved, Recovered: r.recovered}
	*reported, r.recovered = r.heads, ""
	return u, nil
}

// fetch updates the clone, or makes it anew if it is damaged.
func (r *Repository) fetch(ctx context.Context) error {
	if r.store.damaged() == nil {
		err := r.update(ctx)
		if r.store.damaged() == nil {
			return err
		}
	}
	damage := r.store.damaged()
	if err := r.clone(ctx); err != nil {
		return err
	}
	r.recovered = damage.Error()
	return nil
}

// update brings the clone and r.heads up to the remote.
func (r *Repository) update(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.remote.timeout)
	defer cancel()
	d, err := r.remote.open(ctx)
	if err != nil {
		return r.remote.explain(ctx, "fetch", err)
	}
	defer d.close()
	if maps.Equal(d.heads, r.heads) {
		return nil
	}
	wants, haves, err := r.negotiate(d.heads)
	if err != nil {
		return err
	}
	if len(wants) > 0 {
		if err := fill(ctx, d, r.store.dir, wants, haves); err != nil {
			return r.remote.explain(ctx, "fetch", err)
		}
		r.store.reload()
		if err := r.store.read(func(s storer.EncodedObjectStorer) error { return checkHeads(s, wants) }); err != nil {
			return err
		}
	}
	if err := writeHeads(r.store.dir, d.heads); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	r.heads = d.heads
	return r.store.consolidate()
}

// clone makes a new clone beside the one that is there, if any, and then puts it in that one's place.
func (r *Repository) clone(ctx context.Context) error {
	dir := filepath.Join(r.dir, newName)
	if err := create(dir, r.remote.url); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.remote.timeout)
	defer cancel()
	d, err := r.remote.open(ctx)
	if err != nil {
		return r.remote.explain(ctx, "clone", err)
	}
	defer d.close()
	if len(d.heads) > 0 {
		if err := fill(ctx, d, dir, unique(maps.Values(d.heads)), nil); err != nil {
			return r.remote.explain(ctx, "clone", err)
		}
	}
	if err := writeHeads(dir, d.heads); err != nil {
		return err
	}
	if err := inspect(dir, r.remote.url); err != nil {
		return fmt.Errorf("clone %s: %w: the new clone is incomplete: %w", r.remote.url, failure.ErrTransient, err)
	}
	if err := r.store.replace(dir); err != nil {
		return err
	}
	r.heads = d.heads
	return nil
}

// maxHaves is how many commits of a branch that moved are offered as common ground, so that a rewritten branch costs
// only what was rewritten.
const maxHaves = 64

// negotiate tells what the clone lacks of the heads and what it has.
func (r *Repository) negotiate(heads map[string]plumbing.Hash) (wants, haves []plumbing.Hash, err error) {
	err = r.store.read(func(objects storer.EncodedObjectStorer) error {
		for _, hash := range unique(maps.Values(heads)) {
			switch err := objects.HasEncodedObject(hash); {
			case errors.Is(err, plumbing.ErrObjectNotFound):
				wants = append(wants, hash)
			case err != nil:
				return err
			}
		}
		for branch, hash := range r.heads {
			haves = append(haves, hash)
			if heads[branch] == hash {
				continue
			}
			line, err := firstParents(objects, hash, plumbing.ZeroHash, maxHaves)
			if err != nil {
				return err
			}
			for _, c := range line {
				haves = append(haves, c.Hash)
			}
		}
		return nil
	})
	return wants, unique(slices.Values(haves)), err
}

func unique(hashes iter.Seq[plumbing.Hash]) []plumbing.Hash {
	set := make(map[plumbing.Hash]bool)
	for hash := range hashes {
		set[hash] = true
	}
	return slices.Collect(maps.Keys(set))
}

func (r *Repository) moves(before, after map[string]plumbing.Hash) ([]Move, error) {
	var moves []Move
	for branch, from := range before {
		to, ok := after[branch]
		switch {
		case !ok:
			moves = append(moves, Move{Branch: branch, From: from.String(), Kind: Deleted})
		case from != to:
			kind, err := r.kind(from, to)
			if err != nil {
				return nil, err
			}
			moves = append(moves, Move{Branch: branch, From: from.String(), To: to.String(), Kind: kind})
		}
	}
	for branch, to := range after {
		if _, ok := before[branch]; !ok {
			moves = append(moves, Move{Branch: branch, To: to.String(), Kind: Created})
		}
	}
	slices.SortFunc(moves, func(a, b Move) int { return cmp.Compare(a.Branch, b.Branch) })
	return moves, nil
}

// kind tells a fast-forward from a rewrite. A commit that a new clone does not have is an ancestor of none of its
// heads.
func (r *Repository) kind(from, to plumbing.Hash) (Kind, error) {
	kind := Rewritten
	err := r.store.read(func(objects storer.EncodedObjectStorer) error {
		old, err := object.GetCommit(objects, from)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		head, err := object.GetCommit(objects, to)
		if err != nil {
			return err
		}
		ancestor, err := old.IsAncestor(head)
		if ancestor {
			kind = FastForward
		}
		return err
	})
	return kind, err
}
