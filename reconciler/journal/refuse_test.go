package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover/reconciler/failure"
	"cutover/reconciler/journal"
	"cutover/reconciler/record"
)

// filled makes a journal with some entries and closes it, so that all is in one file.
func filled(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	for range 100 {
		add(t, j, "core/api")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func edit(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The numbers are in the header, big-endian (sqlite.org/fileformat.html).
func setVersion(t *testing.T, path string, n byte) {
	t.Helper()
	edit(t, path, func(b []byte) []byte { b[63] = n; return b })
}

func setApplication(t *testing.T, path string, n byte) {
	t.Helper()
	edit(t, path, func(b []byte) []byte { b[71] = n; return b })
}

func TestOpenRefusesAndLeavesTheFileAsItIs(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"garbage", func(t *testing.T, path string) {
			edit(t, path, func([]byte) []byte { return bytes.Repeat([]byte("garbage "), 1000) })
		}, "is damaged"},
		{"a few bytes", func(t *testing.T, path string) { edit(t, path, func([]byte) []byte { return []byte("x") }) }, "is damaged"},
		{"cut short", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { return b[:len(b)/2] })
		}, "is damaged"},
		{"a page changed", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte {
				copy(b[8192:12288], bytes.Repeat([]byte{0xff}, 4096))
				return b
			})
		}, "is damaged"},
		{"emptied beside its log", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte {
				if err := os.WriteFile(path+"-wal", b, 0o600); err != nil {
					t.Fatal(err)
				}
				return nil
			})
		}, "is damaged (it is empty, and"},
		{"of a newer program", func(t *testing.T, path string) { setVersion(t, path, 99) }, "has version 99, and this program knows up to 1: use the newer program"},
		{"of another program", func(t *testing.T, path string) { setApplication(t, path, 7) }, "is a database of another program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t)
			test.damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = journal.Open(t.Context(), path)
			if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open: %v, want a refusal with %q and the file", err, test.want)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
			if test.name == "emptied beside its log" {
				return // a reader finds no journal in it
			}
			if _, err := journal.OpenReader(t.Context(), path); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("OpenReader: %v, want a refusal with %q", err, test.want)
			}
		})
	}
}

func TestOnlyOneProcessWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	add(t, j, "a")
	_, err := journal.Open(t.Context(), path)
	if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "only one daemon may act") {
		t.Errorf("a second Open: %v, want a refusal", err)
	}
	add(t, j, "b")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	add(t, j, "c")
	if got := strings.Join(targets(t, j), ""); got != "abc" {
		t.Errorf("entries are %s, want abc", got)
	}
}

func TestReaderBesideTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if _, err := journal.OpenReader(t.Context(), path); !errors.Is(err, failure.ErrNotFound) || !strings.Contains(err.Error(), path) {
		t.Errorf("no journal: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the reader made a file")
	}
	j := open(t, path)
	add(t, j, "a")
	r, err := journal.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	add(t, j, "b")
	if got := strings.Join(targets(t, r), ""); got != "ab" {
		t.Errorf("the reader sees %s, want ab", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(targets(t, r), ""); got != "ab" {
		t.Errorf("without a writer it sees %s, want ab", got)
	}
	j = open(t, path)
	add(t, j, "c")
	if got := strings.Join(targets(t, r), ""); got != "abc" {
		t.Errorf("beside the next writer it sees %s, want abc", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// What is written to a file that is gone would be lost, though SQLite says nothing.
func TestAppendRefusesWhenTheFileIsGone(t *testing.T) {
	for _, suffix := range []string{"", "-wal"} {
		path := filepath.Join(t.TempDir(), "journal.db")
		j := open(t, path)
		add(t, j, "a")
		if err := os.Rename(path+suffix, path+".aside"); err != nil {
			t.Fatal(err)
		}
		_, err := j.Append(t.Context(), action("b"))
		if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), path+suffix+" was removed or replaced") {
			t.Errorf("journal.db%s gone: %v, want a refusal", suffix, err)
		}
		if err := os.Rename(path+".aside", path+suffix); err != nil {
			t.Fatal(err)
		}
		add(t, j, "c")
		if got := strings.Join(targets(t, j), ""); got != "ac" {
			t.Errorf("entries are %s, want ac", got)
		}
	}
}

func TestOnlyItsUserMayRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "journal.db")
	add(t, open(t, path), "a")
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("journal.db%s: %v, %v, want mode 0600", suffix, info.Mode(), err)
		}
	}
}

func TestEndWantsAnOutcome(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if err := j.End(t.Context(), add(t, j, "a"), record.Outcome(""), "", start); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	}
}
