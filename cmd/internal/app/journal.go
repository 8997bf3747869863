package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/failure"
	"cutover/reconciler/journal"
	"cutover/reconciler/record"
)

// JournalFile is the journal in a daemon's state directory.
func JournalFile(state string) string { return filepath.Join(state, "journal.db") }

// closingJournal is a journal that has to be closed.
type closingJournal interface {
	reconciler.Journal
	io.Closer
}

// openOnlooker opens the journal of a daemon, which may be running, for a command that only looks. Where no daemon has
// worked yet there is nothing to be remembered.
func openOnlooker(ctx context.Context, state string) (closingJournal, error) {
	r, err := journal.OpenReader(ctx, JournalFile(state))
	if errors.Is(err, failure.ErrNotFound) {
		return onlooker{}, nil
	}
	return onlooker{r}, err
}

// remembers refuses to tell how migrations stand that have gone beyond prepare, where the journal of their daemon is not:
// what has baked and passed would look as if it had never happened.
func (a *App) remembers(reports []reconciler.Report) error {
	if !a.forgetful() {
		return nil
	}
	for _, report := range reports {
		if report.Marker.Phase > estate.Prepare { // up to there the journal alone knows nothing
			return fmt.Errorf("migration %s is at %s, and the journal of its daemon is not here: there is no %s; run this where the daemon keeps its state (state in its configuration), such as in its Pod",
				report.Migration, report.Marker, JournalFile(a.config.State))
		}
	}
	return nil
}

// forgetful tells whether there is no journal.
func (a *App) forgetful() bool {
	o, ok := a.journal.(onlooker)
	return ok && o.reader == nil
}

// onlooker reads a journal and refuses to write.
type onlooker struct{ reader *journal.Reader }

var errOnlooker = fmt.Errorf("%w: this command only looks, and writes nothing to the journal", failure.ErrRefused)

// Append refuses.
func (onlooker) Append(context.Context, record.Entry) (int64, error) { return 0, errOnlooker }

// End refuses.
func (onlooker) End(context.Context, int64, record.Outcome, string, time.Time) error {
	return errOnlooker
}

// SetNote refuses.
func (onlooker) SetNote(context.Context, estate.MigrationName, record.Note) error { return errOnlooker }

// Note gives a note of a migration, or false if there is none.
func (o onlooker) Note(ctx context.Context, m estate.MigrationName, key string) (record.Note, bool, error) {
	if o.reader == nil {
		return record.Note{}, false, nil
	}
	return o.reader.Note(ctx, m, key)
}

// Close lets go of the file.
func (o onlooker) Close() error {
	if o.reader == nil {
		return nil
	}
	return o.reader.Close()
}
