package world

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// journal is the durable record. It survives processes.
type journal struct {
	entries []record.Entry
	notes   map[string]record.Note
	full    time.Time // until when nothing can be written
}

// room fails while the disk is full. Nothing was written then.
func (j *journal) room(w *World) error {
	if w.now.Before(j.full) {
		return fmt.Errorf("%w: the disk is full", failure.ErrTransient)
	}
	return nil
}

func newJournal() journal { return journal{notes: map[string]record.Note{}} }

// Journal is the journal as the program uses it.
type Journal struct{ p *Process }

// Append implements reconciler.Journal.
func (j Journal) Append(ctx context.Context, e record.Entry) (int64, error) {
	return change(ctx, j.p, portJournal, fmt.Sprintf("journal %s %s %s", e.Kind, e.Verb, e.Target), func() (int64, error) {
		w := j.p.w
		if err := w.journal.room(w); err != nil {
			return 0, err
		}
		e.ID, e.At = int64(len(w.journal.entries))+1, e.At.UTC()
		e.Ended, e.Outcome, e.Error = time.Time{}, "", ""
		w.journal.entries = append(w.journal.entries, e)
		if e.Kind == record.Action {
			j.p.intents[e.ID] = e
		}
		return e.ID, nil
	})
}

// End implements reconciler.Journal.
func (j Journal) End(ctx context.Context, id int64, outcome record.Outcome, reason string, at time.Time) error {
	return do(ctx, j.p, portJournal, fmt.Sprintf("journal end %d %s", id, outcome), func() error {
		w := j.p.w
		if err := w.journal.room(w); err != nil {
			return err
		}
		if id < 1 || id > int64(len(w.journal.entries)) {
			return fmt.Errorf("%w: entry %d", failure.ErrNotFound, id)
		}
		e := &w.journal.entries[id-1]
		switch {
		case e.Outcome == "":
			e.Outcome, e.Error, e.Ended = outcome, reason, at.UTC()
		case e.Outcome != outcome || e.Error != reason:
			return fmt.Errorf("%w: entry %d has ended as %s", failure.ErrConflict, id, e.Outcome)
		}
		delete(j.p.intents, id)
		return nil
	})
}

func noteKey(m estate.MigrationName, key string) string { return m.String() + "\x00" + key }

// Note implements reconciler.Journal.
func (j Journal) Note(ctx context.Context, m estate.MigrationName, key string) (record.Note, bool, error) {
	type found struct {
		note record.Note
		ok   bool
	}
	f, err := look(ctx, j.p, portJournal, "note "+key, false, func() (found, error) {
		j.p.remembers = true
		n, ok := j.p.w.journal.notes[noteKey(m, key)]
		n.Value = slices.Clone(n.Value)
		return found{n, ok}, nil
	})
	return f.note, f.ok, err
}

// SetNote implements reconciler.Journal.
func (j Journal) SetNote(ctx context.Context, m estate.MigrationName, n record.Note) error {
	return do(ctx, j.p, portJournal, "set note "+n.Key, func() error {
		if err := j.p.w.journal.room(j.p.w); err != nil {
			return err
		}
		n.Value, n.At = slices.Clone(n.Value), n.At.UTC()
		j.p.w.journal.notes[noteKey(m, n.Key)] = n
		return nil
	})
}

// Entries are those that the filter selects, oldest first.
func (j Journal) Entries(ctx context.Context, f record.Filter) ([]record.Entry, error) {
	return look(ctx, j.p, portJournal, "entries", false, func() ([]record.Entry, error) {
		var out []record.Entry
		for _, e := range j.p.w.journal.entries {
			if (f.Migration.IsZero() || e.Migration == f.Migration) && (f.Phase == 0 || e.Marker.Phase == f.Phase) && !e.At.Before(f.Since) {
				out = append(out, e)
			}
		}
		if f.Limit > 0 && len(out) > f.Limit {
			out = out[len(out)-f.Limit:]
		}
		return out, nil
	})
}

// Entries are the journal's, oldest first.
func (w *World) Entries() []record.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.journal.entries)
}
