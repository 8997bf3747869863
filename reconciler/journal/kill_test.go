package journal_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cutover/reconciler/journal"
	"cutover/reconciler/record"
)

// The environment variables that make this test binary the process that is killed: its journal, and the prefix of its
// entries' targets.
const (
	childJournal = "CUTOVER_TEST_JOURNAL"
	childPrefix  = "CUTOVER_TEST_PREFIX"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childJournal); path != "" {
		os.Exit(appendForever(path, os.Getenv(childPrefix)))
	}
	os.Exit(m.Run())
}

// appendForever appends entries and prints, after each, its id and target, and ends with whoever reads that.
func appendForever(path, prefix string) int {
	j, err := journal.Open(context.Background(), path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for n := 0; ; n++ {
		target := fmt.Sprintf("%s.%d", prefix, n)
		id, err := j.Append(context.Background(), action(target))
		if err == nil && n%2 == 0 {
			err = j.End(context.Background(), id, record.Done, "", start)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if _, err := fmt.Println(id, target); err != nil {
			return 0
		}
	}
}

// Whatever moment a process is killed at, what it was told is written is there, and the next one goes on.
func TestNothingIsLostWhenKilled(t *testing.T) {
	const kills = 20
	path := filepath.Join(t.TempDir(), "journal.db")
	told := make(map[int64]string)
	random := rand.New(rand.NewPCG(1, 2))
	for run := range kills {
		killOne(t, path, fmt.Sprint(run), 1+random.IntN(60), told)
	}
	j := open(t, path)
	entries, err := j.Entries(t.Context(), record.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[int64]record.Entry)
	for _, e := range entries {
		there[e.ID] = e
	}
	for id, target := range told {
		e, ok := there[id]
		if !ok || e.Target != target {
			t.Errorf("entry %d is %q, and was told to be %q", id, e.Target, target)
		}
		var n int
		if _, err := fmt.Sscanf(target[strings.Index(target, ".")+1:], "%d", &n); err != nil {
			t.Fatal(err)
		}
		if (e.Outcome == record.Done) != (n%2 == 0) {
			t.Errorf("entry %s has the outcome %q", target, e.Outcome)
		}
	}
	// At most one entry of each run was written and not told of.
	if len(told) < kills || len(entries) > len(told)+kills {
		t.Errorf("%d entries, %d of them told", len(entries), len(told))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var check string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
		t.Errorf("integrity_check: %s, %v", check, err)
	}
	t.Logf("%d kills, %d entries told, %d there", kills, len(told), len(entries))
}

// killOne runs a process until it has told of so many entries, and kills it while it goes on.
func killOne(t *testing.T, path, prefix string, entries int, told map[int64]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childJournal+"="+path, childPrefix+"="+prefix)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // what it told before it was killed is read to the end; a line that was cut short does not count
		}
		if err != nil {
			t.Fatal(err)
		}
		var id int64
		var target string
		if _, err := fmt.Sscan(line, &id, &target); err != nil {
			t.Fatalf("it says %q: %v", line, err)
		}
		told[id] = target
		if n == entries {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("it ended by itself: %v: %s", err, stderr.String())
	}
}
