package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// state is the directory that holds everything a lab writes.
type state struct {
	dir   string
	owner *flock.Flock // held while the lab's owner lives; nil for a directory that the caller named
}

// openState prepares dir, or a fresh directory under runs when dir is "". It then also removes the directories of labs
// whose owners were killed. Locks and not process numbers tell that: the kernel drops a lock with its holder, and a
// number may be somebody else's by now.
func openState(ctx context.Context, dir, runs string) (*state, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the state directory: %w", err)
		}
		return &state{dir: dir}, nil
	}
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return nil, fmt.Errorf("make a state directory: %w", err)
	}
	// Between the making of a directory and the locking of its owner file it looks abandoned.
	starting := flock.New(runs + ".lock")
	if _, err := starting.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for another lab's start: %w", err)
	}
	defer func() { _ = starting.Unlock() }()
	if err := removeAbandoned(runs); err != nil {
		return nil, fmt.Errorf("remove the files of killed labs: %w", err)
	}
	dir, err := os.MkdirTemp(runs, "")
	if err != nil {
		return nil, fmt.Errorf("make a state directory: %w", err)
	}
	owner := ownerLock(dir)
	if _, err := owner.TryLock(); err != nil {
		return nil, fmt.Errorf("lock state directory %s: %w", dir, err)
	}
	return &state{dir: dir, owner: owner}, nil
}

func ownerLock(dir string) *flock.Flock { return flock.New(filepath.Join(dir, "owner.lock")) }

// removeAbandoned removes the directories under runs whose owners are gone.
func removeAbandoned(runs string) error {
	entries, err := os.ReadDir(runs)
	if err != nil {
		return err
	}
	var failures []error
	for _, entry := range entries {
		dir := filepath.Join(runs, entry.Name())
		owner := ownerLock(dir)
		free, err := owner.TryLock()
		if free {
			err = os.RemoveAll(dir)
		}
		failures = append(failures, err, owner.Close())
	}
	return errors.Join(failures...)
}

// close removes the directory, unless the caller named it.
func (s *state) close() error {
	if s.owner == nil {
		return nil
	}
	return errors.Join(os.RemoveAll(s.dir), s.owner.Close())
}
