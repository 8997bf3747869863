package journal

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// The files that SQLite keeps beside a database in WAL mode.
const (
	walSuffix  = "-wal"
	lockSuffix = ".lock" // ours
)

// access is how a connection uses the file. Neither makes it.
type access string

const (
	readOnly  access = "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)"
	readWrite access = "mode=rw&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate"
)

// connect opens nothing yet: the first use does.
func connect(path string, how access, connections int) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+string(how))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// create makes an empty file unless there is one, and the directories above it. Only its user may read it.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// SQLite would throw away a log whose database is gone, and with it entries that may be all that is left.
	if size(path) == 0 && size(path+walSuffix) > 0 {
		return damaged(path, "it is empty, and "+path+walSuffix+" is not")
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// size is 0 for a file that is not there.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// smallest is the smallest page that SQLite knows, in bytes. It takes a smaller file for an empty one.
const smallest = 512

// version looks at a file without changing it, and returns the version of its schema, 0 for an empty file.
func version(ctx context.Context, path string, newest int) (int, error) {
	if n := size(path); 0 < n && n < smallest {
		return 0, damaged(path, "it is cut short")
	}
	n, err := versionBy(ctx, path, readOnly, newest)
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_READONLY {
		// A crash while the file was made has left something to undo, which takes writing.
		return versionBy(ctx, path, readWrite, newest)
	}
	return n, err
}

func versionBy(ctx context.Context, path string, how access, newest int) (_ int, err error) {
	db, err := connect(path, how, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var check string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&check); err != nil {
		return 0, err
	}
	if check != "ok" {
		return 0, damaged(path, check)
	}
	var application, version, tables int
	row := db.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version")
	if err := row.Scan(&application, &version, &tables); err != nil {
		return 0, err
	}
	switch {
	case application == 0 && version == 0 && tables == 0:
		return 0, nil
	case application != applicationID:
		return 0, refused("%s is a database of another program: name another directory", path)
	case version > newest:
		return 0, refused("the journal %s has version %d, and this program knows up to %d: use the newer program that wrote it", path, version, newest)
	}
	return version, nil
}

// inUse remembers which files are written, by what the system knows them.
type inUse struct {
	path string
	file fs.FileInfo
}

func use(paths ...string) ([]inUse, error) {
	var all []inUse
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		all = append(all, inUse{path, info})
	}
	return all, nil
}

// check tells whether the file is still under its name. What is written to a file that somebody removed is lost.
func (u inUse) check() error {
	info, err := os.Stat(u.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, u.file) {
		return refused("%s was removed or replaced while it was in use: restart the daemon", u.path)
	}
	return err
}
