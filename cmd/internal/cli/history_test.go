package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"cutover/cmd/internal/cli"
	"cutover/gitops/estate"
	"cutover/reconciler/journal"
	"cutover/reconciler/record"
)

// history runs `cutover history` on a journal that a daemon still writes, and returns what it prints.
func history(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	eks := estate.Must(estate.ParseMigrationName("eks"))
	canary := estate.Marker{Phase: estate.Canary, Weight: 10}
	at := time.Date(2024, 3, 4, 5, 6, 7, 0, time.UTC)
	for i, e := range []record.Entry{
		{Kind: record.Run, Migration: eks, Reason: "started"},
		{Kind: record.Marker, Migration: eks, Marker: estate.Marker{Phase: estate.Deploy}, Reason: "pull request 7, merged by ann, approved by bob"},
		{Kind: record.Action, Migration: eks, Marker: estate.Marker{Phase: estate.Deploy}, Step: 6, Verb: "trigger", Target: "core/api", Reason: "not deployed", Undo: "delete it", Outcome: record.Done},
		{Kind: record.Refusal, Migration: eks, Marker: estate.Marker{Phase: estate.Deploy}, Reason: "canary skips freeze"},
		{Kind: record.Marker, Migration: eks, Marker: canary, Reason: "pull request 9, merged by bob, approved by ann, cy"},
		{Kind: record.Action, Migration: eks, Marker: canary, Step: 15, Verb: "set weight", Target: "p1, p2", Reason: "0 is not 10", Undo: "weight 0", Outcome: record.Failed, Error: "p2: no <answer>"},
		{Kind: record.Action, Migration: eks, Marker: canary, Step: 15, Verb: "set weight", Target: "p1, p2", Reason: "0 is not 10", Undo: "weight 0"},
		{Kind: record.Run, Migration: estate.Must(estate.ParseMigrationName("gke"))},
	} {
		e.At = at.Add(time.Duration(i) * time.Minute)
		id, err := j.Append(t.Context(), e)
		if err == nil && e.Outcome != "" {
			err = j.End(t.Context(), id, e.Outcome, e.Error, e.At.Add(1500*time.Millisecond))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), append([]string{"history", "--state", dir}, args...), cli.Streams{Out: &out, Err: &errs}, "v1"); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	return out.String()
}

func TestHistory(t *testing.T) {
	for name, args := range map[string][]string{
		"all":    nil,
		"canary": {"--migration", "eks", "--phase", "canary"},
		"newest": {"-n", "2"},
		"none":   {"--migration", "aks"},
		"deploy": {"--migration", "eks", "--phase", "deploy", "-o", "json"},
		"recent": {"--since", "1s", "-o", "text"},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", "history", name+".txt"), history(t, args...))
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// Whoever keeps a bundle can tell whether it was changed.
func TestHistoryDigest(t *testing.T) {
	got := history(t, "--migration", "eks", "-o", "json")
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(got)); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`"digest":"([^"]+)"`).FindStringSubmatch(compact.String())
	if found == nil {
		t.Fatal("there is no digest")
	}
	if want := digest.FromString(strings.Replace(compact.String(), found[1], "", 1)); found[1] != want.String() {
		t.Errorf("the digest is %s, want %s", found[1], want)
	}
}
