package journal_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/contract"
	"cutover/reconciler/journal"
	"cutover/reconciler/record"
)

var (
	eks   = estate.Must(estate.ParseMigrationName("eks"))
	start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

func open(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // again, where a test has closed it
	return j
}

func action(target string) record.Entry {
	return record.Entry{
		At: start, Migration: eks, Kind: record.Action, Marker: estate.Marker{Phase: estate.Deploy}, Step: 6,
		Commit: "4b825dc642cb6eb9a060e54bf8d69288fbee4904", Verb: "trigger", Target: target,
		Key: "cutover.eks.6." + target, Reason: "version 1.4.2 is not deployed", Undo: "delete the release",
	}
}

func add(t testing.TB, j *journal.Journal, target string) int64 {
	t.Helper()
	id, err := j.Append(t.Context(), action(target))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// targets are those of all entries, oldest first.
func targets(t testing.TB, r interface {
	Entries(context.Context, record.Filter) ([]record.Entry, error)
}) []string {
	t.Helper()
	entries, err := r.Entries(t.Context(), record.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Target)
	}
	return out
}

func TestContract(t *testing.T) {
	contract.Journal(t, func(t *testing.T) contract.JournalStore {
		return open(t, filepath.Join(t.TempDir(), "new", "a ? #%41 'odd' name", "journal.db"))
	})
}

func BenchmarkAppend(b *testing.B) {
	j := open(b, filepath.Join(b.TempDir(), "journal.db"))
	for b.Loop() {
		add(b, j, "core/api")
	}
}

// An intent and its result, with as many entries before them as a long migration has.
func BenchmarkAppendAndEndInLongJournal(b *testing.B) {
	j := open(b, filepath.Join(b.TempDir(), "journal.db"))
	for range 5000 {
		add(b, j, "core/api")
	}
	for b.Loop() {
		if err := j.End(b.Context(), add(b, j, "core/api"), record.Done, "", start); err != nil {
			b.Fatal(err)
		}
	}
}
