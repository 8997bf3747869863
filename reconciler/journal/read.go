package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// maxReaders is how many connections read at once. They do not keep the writer waiting, nor it them.
const maxReaders = 4

// Reader reads a journal, beside the process that writes it or without one. It is safe for concurrent use.
type Reader struct {
	path string
	db   *sql.DB
}

// OpenReader opens the journal in the file at path for reading alone. It returns failure.ErrNotFound if there is none,
// and failure.ErrRefused for one that is damaged or of another version.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	const call = "open the journal for reading"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: there is no %s: no daemon has worked with this directory", call, failure.ErrNotFound, path)
	}
	steps, err := schemaSteps(schemaFiles)
	if err != nil {
		return nil, explain(call, path, err)
	}
	n, err := version(ctx, path, len(steps))
	if err == nil && n < len(steps) {
		err = refused("the journal %s has version %d, and this program reads %d: start the daemon of this version once", path, n, len(steps))
	}
	if err != nil {
		return nil, explain(call, path, err)
	}
	r, err := reader(ctx, path)
	if err != nil {
		return nil, explain(call, path, err)
	}
	return r, nil
}

func reader(ctx context.Context, path string) (*Reader, error) {
	db, err := connect(path, readOnly, maxReaders)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "SELECT 1 FROM entries LIMIT 1"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Reader{path, db}, nil
}

// Close ends the use of the file.
func (r *Reader) Close() error { return r.db.Close() }

// Entries are the entries that the filter selects, oldest first. With a limit they are the newest ones.
func (r *Reader) Entries(ctx context.Context, f record.Filter) ([]record.Entry, error) {
	entries, err := r.entries(ctx, f)
	if err != nil {
		return nil, explain("read the journal", r.path, err)
	}
	return entries, nil
}

func (r *Reader) entries(ctx context.Context, f record.Filter) ([]record.Entry, error) {
	limit := -1
	if f.Limit > 0 {
		limit = f.Limit
	}
	migration, phase, since := f.Migration.String(), f.Phase.String(), ""
	if !f.Since.IsZero() {
		since = timeText(f.Since)
	}
	rows, err := r.db.QueryContext(ctx, `SELECT id, e.at, migration, kind, phase, weight, paused, commit_id, step, verb, target, key, e.reason, undo,
			coalesce(r.at, ''), coalesce(outcome, ''), coalesce(r.reason, '')
		FROM entries e LEFT JOIN results r ON r.entry = e.id
		WHERE (?1 = '' OR migration = ?1) AND (?2 = '' OR phase = ?2) AND e.at >= ?3
		ORDER BY id DESC LIMIT ?4`, migration, phase, since, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []record.Entry
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	slices.Reverse(entries)
	return entries, rows.Err()
}

func scan(rows *sql.Rows) (record.Entry, error) {
	var e record.Entry
	var at, migration, phase, ended string
	err := rows.Scan(&e.ID, &at, &migration, &e.Kind, &phase, &e.Marker.Weight, &e.Marker.Paused, &e.Commit, &e.Step,
		&e.Verb, &e.Target, &e.Key, &e.Reason, &e.Undo, &ended, &e.Outcome, &e.Error)
	if err != nil {
		return e, err
	}
	if e.At, err = parseTime(at); err != nil {
		return e, err
	}
	if e.Ended, err = parseTime(ended); err != nil {
		return e, err
	}
	if migration != "" {
		if e.Migration, err = estate.ParseMigrationName(migration); err != nil {
			return e, err
		}
	}
	if phase != "" {
		e.Marker.Phase, err = estate.ParsePhase(phase)
	}
	return e, err
}

// Note gives a note of a migration, or false if there is none.
func (r *Reader) Note(ctx context.Context, m estate.MigrationName, key string) (record.Note, bool, error) {
	n := record.Note{Key: key}
	var at string
	err := r.db.QueryRowContext(ctx, "SELECT value, at FROM notes WHERE migration = ? AND key = ?", m.String(), key).Scan(&n.Value, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return record.Note{}, false, nil
	}
	if err == nil {
		n.At, err = parseTime(at)
	}
	if err != nil {
		return record.Note{}, false, explain(fmt.Sprintf("read note %s from the journal", key), r.path, err)
	}
	return n, true, nil
}

const timeFormat = "2006-01-02T15:04:05.000000000Z"

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(timeFormat, s)
}
