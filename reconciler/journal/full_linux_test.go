package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// On a file system that is full.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("no small file system can be mounted here (%v): TestFullDatabase has the same by a limit", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "journal.db")
	j, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() }) // before the file system goes
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	fillUp(t, j)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	id, err := j.Append(t.Context(), record.Entry{At: time.Unix(1, 0), Kind: record.Action})
	if err != nil {
		t.Fatalf("once there is room: %v", err)
	}
	if err := j.End(t.Context(), id, record.Done, "", time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("opened again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// A journal that is made on a full disk is a clear error, and made once there is room.
func TestOpenOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	for _, room := range []int{0, 4096, 8192, 16384, 32768} {
		_ = os.WriteFile(ballast, make([]byte, 64<<10-room), 0o600)
		j, err := Open(t.Context(), filepath.Join(dir, "journal.db"))
		if err != nil && !errors.Is(err, failure.ErrTransient) {
			t.Errorf("with %d bytes: %v, want a temporary failure", room, err)
		}
		if err == nil {
			if room < 16384 {
				t.Errorf("with %d bytes it was made", room)
			}
			j.Close()
		}
	}
}
