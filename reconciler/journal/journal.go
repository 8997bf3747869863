package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// Journal is the journal of the process that acts. It is safe for concurrent use.
type Journal struct {
	*Reader
	write *sql.DB // one connection
	lock  *flock.Flock
	files []inUse
}

// Open opens the journal in the file at path for reading and writing, or makes it. It returns failure.ErrRefused for a
// journal that another process writes, that is damaged, or that this program does not know, and then changes nothing.
func Open(ctx context.Context, path string) (*Journal, error) {
	steps, err := schemaSteps(schemaFiles)
	if err == nil {
		var j *Journal
		if j, err = open(ctx, path, steps); err == nil {
			return j, nil
		}
	}
	return nil, explain("open the journal", path, err)
}

func open(ctx context.Context, path string, steps []string) (_ *Journal, err error) {
	j := &Journal{}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.Close())
		}
	}()
	if err := create(path); err != nil {
		return nil, err
	}
	// The system releases the lock when the process ends, however it ends. It is no lock of SQLite's, which readers
	// would meet, too.
	lock := flock.New(path+lockSuffix, flock.SetPermissions(0o600))
	if locked, err := lock.TryLock(); err != nil {
		return nil, err
	} else if !locked {
		return nil, refused("another process writes the journal %s: only one daemon may act; stop that one or name another directory", path)
	}
	j.lock = lock
	from, err := version(ctx, path, len(steps))
	if err != nil {
		return nil, err
	}
	if j.write, err = connect(path, readWrite, 1); err != nil {
		return nil, err
	}
	var mode string
	if err := j.write.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return nil, err
	}
	if mode != "wal" {
		return nil, refused("the file system of %s cannot hold a journal: SQLite cannot share memory there; name a directory on a local disk", path)
	}
	if err := migrate(ctx, j.write, steps, from); err != nil {
		return nil, err
	}
	if j.Reader, err = reader(ctx, path); err != nil {
		return nil, err
	}
	j.files, err = use(path, path+walSuffix)
	return j, err
}

// Close ends the use of the file.
func (j *Journal) Close() error {
	var errs []error
	if j.Reader != nil {
		errs = append(errs, j.Reader.Close())
	}
	if j.write != nil {
		errs = append(errs, j.write.Close())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Unlock())
	}
	return errors.Join(errs...)
}

// Append writes an entry, and returns its id when it is safe on disk. The entry's own ID and result are not looked at.
// After an error nothing was written: failure.ErrTransient for a disk that is full or fails, and failure.ErrRefused for
// a journal that a person has to look at.
func (j *Journal) Append(ctx context.Context, e record.Entry) (int64, error) {
	result, err := j.exec(ctx, `INSERT INTO entries
		(at, migration, kind, phase, weight, paused, commit_id, step, verb, target, key, reason, undo)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		timeText(e.At), e.Migration.String(), string(e.Kind), e.Marker.Phase.String(), e.Marker.Weight, e.Marker.Paused,
		e.Commit, e.Step, e.Verb, e.Target, e.Key, e.Reason, e.Undo)
	if err != nil {
		return 0, explain("append to the journal", j.path, err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return 0, explain("append to the journal", j.path, err)
	}
	return id, nil
}

// End adds an action's result to its entry. The same result again is no error; another one is failure.ErrConflict, and
// the first one stays. It returns failure.ErrNotFound for an id that Append did not give.
func (j *Journal) End(ctx context.Context, id int64, outcome record.Outcome, reason string, at time.Time) error {
	if err := j.end(ctx, id, outcome, reason, at); err != nil {
		return explain(fmt.Sprintf("the effect is %s, which is not noted: end entry %d of the journal", outcome, id), j.path, err)
	}
	return nil
}

func (j *Journal) end(ctx context.Context, id int64, outcome record.Outcome, reason string, at time.Time) error {
	if outcome == "" {
		return refused("an outcome is missing")
	}
	result, err := j.exec(ctx, `INSERT INTO results (entry, at, outcome, reason)
		SELECT id, ?, ?, ? FROM entries WHERE id = ? ON CONFLICT DO NOTHING`, timeText(at), string(outcome), reason, id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var was record.Outcome
	var why string
	err = j.db.QueryRowContext(context.WithoutCancel(ctx), "SELECT outcome, reason FROM results WHERE entry = ?", id).Scan(&was, &why)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return failure.ErrNotFound
	case err != nil:
		return err
	case was != outcome || why != reason:
		return fmt.Errorf("%w: it has ended as %s", failure.ErrConflict, was)
	}
	return nil
}

// SetNote writes a note over the one of the same key.
func (j *Journal) SetNote(ctx context.Context, m estate.MigrationName, n record.Note) error {
	value := n.Value
	if value == nil {
		value = []byte{} // SQLite tells an empty value from none
	}
	_, err := j.exec(ctx, `INSERT INTO notes (migration, key, value, at) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at`, m.String(), n.Key, value, timeText(n.At))
	if err != nil {
		return explain(fmt.Sprintf("write note %s to the journal", n.Key), j.path, err)
	}
	return nil
}

// exec performs one statement, which SQLite does whole or not at all. It is not interrupted by the end of ctx: SQLite
// might have written what it then says was interrupted. It is bounded by SQLite's own timeouts.
func (j *Journal) exec(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, file := range j.files {
		if err := file.check(); err != nil {
			return nil, err
		}
	}
	return j.write.ExecContext(context.WithoutCancel(ctx), statement, args...)
}
