package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"cutover/reconciler/failure"
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{failure.ErrRefused}, args...)...)
}

// explain turns an error of SQLite or of the system into what the caller must do about it.
func explain(call, path string, err error) error {
	var code int
	var e *sqlite.Error
	if errors.As(err, &e) {
		code = e.Code() & 0xff // the rest is detail
	}
	var system syscall.Errno
	switch {
	case isKind(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", call, err)
	case code == lib.SQLITE_FULL, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s: %w: the journal cannot be written: disk full at %s: make room there", call, failure.ErrTransient, path)
	case code == lib.SQLITE_CORRUPT, code == lib.SQLITE_NOTADB:
		return fmt.Errorf("%s: %w", call, damaged(path, err.Error()))
	case code == lib.SQLITE_IOERR, code == lib.SQLITE_READONLY, code == lib.SQLITE_CANTOPEN:
		return fmt.Errorf("%s: %w: the journal at %s cannot be read or written: %w", call, failure.ErrTransient, path, err)
	case code == lib.SQLITE_BUSY, code == lib.SQLITE_LOCKED, code == lib.SQLITE_NOMEM:
		return fmt.Errorf("%s: %w: the journal at %s: %w", call, failure.ErrTransient, path, err)
	case errors.As(err, &system), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: the journal at %s: %w", call, failure.ErrTransient, path, err)
	}
	return fmt.Errorf("%s: %w: the journal at %s: %w", call, failure.ErrRefused, path, err)
}

// damaged says what to do about a journal that cannot be trusted. It is never put right here: the rest of it is evidence.
func damaged(path, why string) error {
	return refused("the journal %s is damaged (%s); it was left as it is. Stop the daemon, move %s and the files beside it "+
		"that begin with its name to a safe place (sqlite3's .recover reads what is left of them), and start again: what "+
		"runs is seen by looking at the world, and only what the journal alone knew, such as when a bake began, begins anew",
		path, strings.Join(strings.Fields(why), " "), path)
}

func isKind(err error) bool {
	return errors.Is(err, failure.ErrNotFound) || errors.Is(err, failure.ErrTransient) ||
		errors.Is(err, failure.ErrRefused) || errors.Is(err, failure.ErrConflict)
}
