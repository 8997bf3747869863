package journal

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// The schema grows by numbered files, each performed once, in a transaction of its own. SQLite's own user_version says
// how far a file has come, and it moves in the same transaction, so there is no table to keep and no half step. That is
// all that is needed here, hence no migration library.
//
//go:embed schema/*.sql
var schemaFiles embed.FS

// applicationID is in the header of every journal: "Cuto" in ASCII. SQLite keeps it for programs to tell their files.
const applicationID = 0x4375746f

// schemaSteps are the steps from version 0, an empty file, to the newest version, which is their number.
func schemaSteps(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "schema/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var steps []string
	for i, name := range names {
		if !strings.HasPrefix(name, fmt.Sprintf("schema/%04d_", i+1)) {
			return nil, fmt.Errorf("%s is not step %d of the schema", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(text))
	}
	return steps, nil
}

// migrate brings a journal from a version to that of the last step. What is done stays done if a later step fails.
func migrate(ctx context.Context, db *sql.DB, steps []string, version int) error {
	for ; version < len(steps); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		// A pragma takes no parameters.
		done := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version+1)
		if _, err := tx.ExecContext(ctx, steps[version]+"\n"+done); err != nil {
			_ = tx.Rollback() // err says why
			return fmt.Errorf("step %d of the schema: %w", version+1, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("step %d of the schema: %w", version+1, err)
		}
	}
	return nil
}
