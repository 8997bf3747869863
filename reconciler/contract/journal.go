package contract

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// JournalStore is a journal as the reconciler writes it, and as its tests read it.
type JournalStore interface {
	Append(ctx context.Context, e record.Entry) (int64, error)
	End(ctx context.Context, id int64, outcome record.Outcome, reason string, at time.Time) error
	Note(ctx context.Context, m estate.MigrationName, key string) (record.Note, bool, error)
	SetNote(ctx context.Context, m estate.MigrationName, n record.Note) error
	// Entries are those that the filter selects, oldest first.
	Entries(ctx context.Context, f record.Filter) ([]record.Entry, error)
}

// Journal holds an implementation to the contract of the reconciler's port of that name. Each call of open must give a
// journal that is empty.
func Journal(t *testing.T, open func(t *testing.T) JournalStore) {
	for name, check := range map[string]func(journalSuite, *testing.T){
		"what is appended is read, oldest first":          journalSuite.appended,
		"ids grow":                                        journalSuite.idsGrow,
		"an action has no result before its end":          journalSuite.ended,
		"the same end again is no error":                  journalSuite.endedAgain,
		"another end is a conflict, and the first stays":  journalSuite.endedOtherwise,
		"the end of an unknown entry is not found":        journalSuite.endedUnknown,
		"an entry's own id and result are not looked at":  journalSuite.ownResult,
		"a filter selects":                                journalSuite.filtered,
		"a limit keeps the newest":                        journalSuite.limited,
		"a missing note is no error":                      journalSuite.noteMissing,
		"a note is written over the one of the same key":  journalSuite.noteOver,
		"notes of two migrations are two":                 journalSuite.notesOfMigrations,
		"appending at once loses nothing":                 journalSuite.concurrent,
		"nothing is written once the context is canceled": journalSuite.canceled,
	} {
		t.Run(name, func(t *testing.T) { check(journalSuite{open(t)}, t) })
	}
}

type journalSuite struct{ store JournalStore }

var (
	journalStart = time.Date(2026, 3, 4, 5, 6, 7, 891234567, time.UTC)
	eks          = estate.Must(estate.ParseMigrationName("eks"))
	gke          = estate.Must(estate.ParseMigrationName("gke"))
)

// entry is a full entry, a number of seconds after the start.
func (journalSuite) entry(seconds int, m estate.MigrationName, k record.Kind, marker estate.Marker) record.Entry {
	return record.Entry{
		At: journalStart.Add(time.Duration(seconds) * time.Second), Migration: m, Kind: k, Marker: marker,
		Commit: "4b825dc642cb6eb9a060e54bf8d69288fbee4904", Step: 15, Verb: "set weight", Target: "proxies p1, p2",
		Key: "eks.15.p1", Reason: "\"baked\" 10m; it's fine\nso far — 100 %", Undo: "weight 0",
	}
}

func (s journalSuite) append(t *testing.T, e record.Entry) record.Entry {
	t.Helper()
	id, err := s.store.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	e.ID = id
	return e
}

func (s journalSuite) want(t *testing.T, f record.Filter, want ...record.Entry) {
	t.Helper()
	got, err := s.store.Entries(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b estate.MigrationName) bool { return a == b })); diff != "" {
		t.Errorf("entries of %+v (-want +got):\n%s", f, diff)
	}
}

func (s journalSuite) appended(t *testing.T) {
	s.want(t, record.Filter{})
	full := s.append(t, s.entry(0, eks, record.Action, estate.Marker{Phase: estate.Canary, Weight: 25, Paused: "a person said so"}))
	small := s.append(t, record.Entry{At: journalStart.In(time.FixedZone("", 3600)), Migration: gke, Kind: record.Run})
	small.At = journalStart
	s.want(t, record.Filter{}, full, small)
}

func (s journalSuite) idsGrow(t *testing.T) {
	var last int64
	for range 5 {
		e := s.append(t, s.entry(0, eks, record.Observation, estate.Marker{}))
		if e.ID <= last {
			t.Fatalf("id %d after %d", e.ID, last)
		}
		last = e.ID
	}
}

func (s journalSuite) ended(t *testing.T) {
	done := s.append(t, s.entry(0, eks, record.Action, estate.Marker{Phase: estate.Deploy}))
	open := s.append(t, s.entry(1, eks, record.Action, estate.Marker{Phase: estate.Deploy}))
	bad := s.append(t, s.entry(2, eks, record.Action, estate.Marker{Phase: estate.Deploy}))
	s.want(t, record.Filter{}, done, open, bad)
	done.Ended, done.Outcome = journalStart.Add(90*time.Second), record.Done
	bad.Ended, bad.Outcome, bad.Error = journalStart.Add(91*time.Second), record.Failed, "gate: 500"
	for _, e := range []record.Entry{done, bad} {
		if err := s.store.End(t.Context(), e.ID, e.Outcome, e.Error, e.Ended); err != nil {
			t.Fatal(err)
		}
	}
	s.want(t, record.Filter{}, done, open, bad)
}

func (s journalSuite) endedAgain(t *testing.T) {
	e := s.append(t, s.entry(0, eks, record.Action, estate.Marker{}))
	e.Ended, e.Outcome = journalStart.Add(time.Second), record.Done
	for i := range 3 {
		if err := s.store.End(t.Context(), e.ID, record.Done, "", e.Ended.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	s.want(t, record.Filter{}, e)
}

func (s journalSuite) endedOtherwise(t *testing.T) {
	e := s.append(t, s.entry(0, eks, record.Action, estate.Marker{}))
	e.Ended, e.Outcome, e.Error = journalStart.Add(time.Second), record.Failed, "no answer"
	if err := s.store.End(t.Context(), e.ID, e.Outcome, e.Error, e.Ended); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.store.End(t.Context(), e.ID, record.Done, "", e.Ended), failure.ErrConflict)
	s.want(t, record.Filter{}, e)
}

func (s journalSuite) endedUnknown(t *testing.T) {
	e := s.append(t, s.entry(0, eks, record.Action, estate.Marker{}))
	wantError(t, s.store.End(t.Context(), e.ID+1, record.Done, "", journalStart), failure.ErrNotFound)
	s.want(t, record.Filter{}, e)
}

func (s journalSuite) ownResult(t *testing.T) {
	first := s.append(t, s.entry(0, eks, record.Action, estate.Marker{}))
	e := s.entry(1, eks, record.Action, estate.Marker{})
	e.ID, e.Ended, e.Outcome, e.Error = first.ID, journalStart, record.Done, "x"
	second := s.append(t, e)
	second.Ended, second.Outcome, second.Error = time.Time{}, "", ""
	s.want(t, record.Filter{}, first, second)
}

func (s journalSuite) filtered(t *testing.T) {
	a := s.append(t, s.entry(0, eks, record.Run, estate.Marker{}))
	b := s.append(t, s.entry(1, eks, record.Action, estate.Marker{Phase: estate.Prepare}))
	c := s.append(t, s.entry(2, gke, record.Action, estate.Marker{Phase: estate.Prepare}))
	d := s.append(t, s.entry(3, eks, record.Refusal, estate.Marker{Phase: estate.Canary, Weight: 10}))
	s.want(t, record.Filter{}, a, b, c, d)
	s.want(t, record.Filter{Migration: eks}, a, b, d)
	s.want(t, record.Filter{Phase: estate.Prepare}, b, c)
	s.want(t, record.Filter{Migration: eks, Phase: estate.Prepare}, b)
	s.want(t, record.Filter{Since: c.At}, c, d)
	s.want(t, record.Filter{Since: c.At.Add(1)}, d)
	s.want(t, record.Filter{Since: c.At, Migration: gke, Phase: estate.Prepare, Limit: 5}, c)
	s.want(t, record.Filter{Migration: gke, Phase: estate.Cleanup})
}

func (s journalSuite) limited(t *testing.T) {
	var all []record.Entry
	for i := range 5 {
		all = append(all, s.append(t, s.entry(i, eks, record.Observation, estate.Marker{})))
	}
	s.want(t, record.Filter{Limit: 2}, all[3:]...)
	s.want(t, record.Filter{Limit: 9}, all...)
	s.want(t, record.Filter{Limit: 1, Migration: gke})
}

func (s journalSuite) noteMissing(t *testing.T) {
	n, ok, err := s.store.Note(t.Context(), eks, "bake")
	if err != nil || ok || n.Key != "" || n.Value != nil || !n.At.IsZero() {
		t.Errorf("Note = %+v, %t, %v, want none", n, ok, err)
	}
}

func (s journalSuite) note(t *testing.T, m estate.MigrationName, want record.Note) {
	t.Helper()
	n, ok, err := s.store.Note(t.Context(), m, want.Key)
	if err != nil || !ok {
		t.Fatalf("Note = %t, %v, want one", ok, err)
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("note (-want +got):\n%s", diff)
	}
}

func (s journalSuite) set(t *testing.T, m estate.MigrationName, n record.Note) {
	t.Helper()
	if err := s.store.SetNote(t.Context(), m, n); err != nil {
		t.Fatal(err)
	}
}

func (s journalSuite) noteOver(t *testing.T) {
	for i, value := range []string{`{"weight": 10}`, `null`, `"é\u0000"`} {
		n := record.Note{Key: "bake/eks: 1", Value: []byte(value), At: journalStart.Add(time.Duration(i) * time.Minute)}
		s.set(t, eks, n)
		s.note(t, eks, n)
	}
	// The caller may use its slice again.
	value := []byte(`1`)
	s.set(t, eks, record.Note{Key: "n", Value: value, At: journalStart})
	value[0] = '2'
	s.note(t, eks, record.Note{Key: "n", Value: []byte(`1`), At: journalStart})
}

func (s journalSuite) notesOfMigrations(t *testing.T) {
	ours := record.Note{Key: "bake", Value: []byte(`1`), At: journalStart}
	theirs := record.Note{Key: "bake", Value: []byte(`2`), At: journalStart}
	s.set(t, eks, ours)
	s.set(t, gke, theirs)
	s.note(t, eks, ours)
	s.note(t, gke, theirs)
}

func (s journalSuite) concurrent(t *testing.T) {
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				e := s.entry(i, eks, record.Action, estate.Marker{})
				e.Target = fmt.Sprintf("%d.%d", w, i)
				id, err := s.store.Append(t.Context(), e)
				if err == nil {
					err = s.store.End(t.Context(), id, record.Done, e.Target, e.At)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	entries, err := s.store.Entries(t.Context(), record.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, e := range entries {
		if e.Error != e.Target {
			t.Errorf("entry %s has the result of %q", e.Target, e.Error)
		}
		seen[e.Target] = true
	}
	if len(seen) != writers*each || len(entries) != len(seen) {
		t.Errorf("%d entries of %d targets, want %d", len(entries), len(seen), writers*each)
	}
}

func (s journalSuite) canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.store.Append(ctx, s.entry(0, eks, record.Action, estate.Marker{})); err == nil {
		t.Error("Append with a canceled context succeeded")
	}
	s.want(t, record.Filter{})
}
