package journal

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cutover/reconciler/record"
)

func testSteps(t *testing.T) []string {
	t.Helper()
	steps, err := schemaSteps(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func user(t *testing.T, path, query string) (n int) {
	t.Helper()
	db, err := connect(path, readOnly, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A newer program brings the journal of an older one up to its own version, and what is in it stays.
func TestSchemaGrows(t *testing.T) {
	path, steps := filepath.Join(t.TempDir(), "journal.db"), testSteps(t)
	appendOne := func(steps []string) {
		t.Helper()
		j, err := open(t.Context(), path, steps)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := j.Append(t.Context(), record.Entry{At: time.Unix(1, 0), Kind: record.Run}); err != nil {
			t.Fatal(err)
		}
	}
	appendOne(steps)
	newer := append(slices.Clone(steps), "ALTER TABLE entries ADD COLUMN epoch INTEGER NOT NULL DEFAULT 7;", "CREATE TABLE leases (epoch INTEGER) STRICT;")
	appendOne(newer)
	if got := user(t, path, "SELECT sum(epoch) FROM entries"); got != 14 {
		t.Errorf("the new column holds %d, want 14", got)
	}
	if got := user(t, path, "PRAGMA user_version"); got != len(newer) {
		t.Errorf("the version is %d, want %d", got, len(newer))
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "use the newer program") {
		t.Errorf("the older program: %v", err)
	}
}

// A step that fails leaves nothing of itself, and a crash before its end does no more: it is one transaction.
func TestSchemaStepFails(t *testing.T) {
	path, steps := filepath.Join(t.TempDir(), "journal.db"), testSteps(t)
	_, err := open(t.Context(), path, append(steps, "CREATE TABLE half (x INTEGER); INSERT INTO nowhere VALUES (1);"))
	if err == nil || !strings.Contains(err.Error(), "step 2 of the schema") {
		t.Fatalf("got %v", err)
	}
	if got := user(t, path, "PRAGMA user_version"); got != 1 {
		t.Errorf("the version is %d, want 1", got)
	}
	if got := user(t, path, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"); got != 0 {
		t.Error("half of the step is there")
	}
	j, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("without the bad step: %v", err)
	}
	j.Close()
}

func TestSchemaStepsAreNumbered(t *testing.T) {
	_, err := schemaSteps(fstest.MapFS{"schema/0001_a.sql": {}, "schema/0003_b.sql": {}})
	if err == nil || !strings.Contains(err.Error(), "0003_b.sql is not step 2") {
		t.Errorf("got %v", err)
	}
}

// Nobody changes what is told, by mistake or otherwise, without taking the schema apart.
func TestEntriesStay(t *testing.T) {
	j, err := Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	id, err := j.Append(t.Context(), record.Entry{At: time.Unix(1, 0), Kind: record.Action})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.End(t.Context(), id, record.Done, "", time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE entries SET reason = 'x'", "DELETE FROM entries", "UPDATE results SET outcome = 'failed'", "DELETE FROM results",
		"INSERT OR REPLACE INTO results VALUES (1, '', 'failed', '')", "INSERT OR REPLACE INTO entries SELECT * FROM entries",
	} {
		if _, err := j.write.ExecContext(t.Context(), "PRAGMA recursive_triggers = 1; "+statement); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v, want a refusal", statement, err)
		}
	}
	if _, err := j.write.ExecContext(t.Context(), "INSERT INTO results VALUES (99, '', 'done', '')"); err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") {
		t.Errorf("a result without an entry: %v", err)
	}
}
