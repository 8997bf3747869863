package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// fillUp appends until there is no room, and checks that nothing is lost and nothing told that was not written.
func fillUp(t *testing.T, j *Journal) {
	t.Helper()
	for n := 0; ; n++ {
		id, err := j.Append(t.Context(), record.Entry{At: time.Unix(1, 0), Kind: record.Action, Target: fmt.Sprint(n), Reason: strings.Repeat("x", 1000)})
		if err == nil {
			if n > 10000 {
				t.Fatal("it never fills up")
			}
			continue
		}
		if !errors.Is(err, failure.ErrTransient) || !strings.Contains(err.Error(), "the journal cannot be written: disk full at "+j.path) || id != 0 {
			t.Fatalf("entry %d: %d, %v, want a temporary failure that names the file", n, id, err)
		}
		if n < 10 {
			t.Fatalf("full after %d entries", n)
		}
		for range 3 { // again, and for the other writes too
			if _, err := j.Append(t.Context(), record.Entry{At: time.Unix(1, 0), Kind: record.Action, Reason: strings.Repeat("x", 5000)}); !errors.Is(err, failure.ErrTransient) {
				t.Errorf("another entry: %v, want a temporary failure", err)
			}
		}
		if err := j.SetNote(t.Context(), estate.Must(estate.ParseMigrationName("eks")), record.Note{Key: "bake", Value: []byte(strings.Repeat("1", 50000)), At: time.Unix(1, 0)}); !errors.Is(err, failure.ErrTransient) {
			t.Errorf("a note: %v, want a temporary failure", err)
		}
		entries, err := j.Entries(t.Context(), record.Filter{})
		if err != nil || len(entries) != n {
			t.Errorf("%d entries are there (%v), want %d", len(entries), err, n)
		}
		for i, e := range entries {
			if e.Target != fmt.Sprint(i) {
				t.Fatalf("entry %d is %s", i, e.Target)
			}
		}
		return
	}
}

// A page limit makes SQLite say what it says of a disk without room.
func TestFullDatabase(t *testing.T) {
	j, err := Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	limit := func(pages string) {
		t.Helper()
		if _, err := j.write.ExecContext(context.Background(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("20")
	fillUp(t, j)
	limit("1000000")
	if _, err := j.Append(t.Context(), record.Entry{At: time.Unix(1, 0), Kind: record.Run}); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}
