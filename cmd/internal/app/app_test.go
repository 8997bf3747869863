package app

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"cutover/gitops/estate"
	"cutover/gitops/repo"
	"cutover/reconciler"
	"cutover/reconciler/journal"
)

// TestGitCannotBeFetched: the reconciler learns of it at once, as nothing may go forward meanwhile.
func TestGitCannotBeFetched(t *testing.T) {
	a := &App{log: slog.New(slog.DiscardHandler)}
	git := make(chan struct{}, 2)
	a.watchGit(t.Context(), func(yield func(repo.Update, error) bool) {
		if !yield(repo.Update{}, errors.New("the deploy key has expired")) || len(git) != 1 {
			t.Errorf("%d wakes after an error, want one", len(git))
		}
		if a.unreachable.Load() == nil {
			t.Error("the daemon is ready all the same")
		}
		if !yield(repo.Update{}, nil) || len(git) != 2 {
			t.Errorf("%d wakes, want another one once it can be fetched", len(git))
		}
	}, git)
	if err := a.unreachable.Load(); err != nil {
		t.Errorf("still not ready: %v", *err)
	}
}

// TestWithoutTheJournal is a command on a machine that is not the daemon's.
func TestWithoutTheJournal(t *testing.T) {
	state := t.TempDir()
	j, err := openOnlooker(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{journal: j, config: Config{State: state}}
	eks := estate.Must(estate.ParseMigrationName("eks"))
	for _, at := range []estate.Marker{{}, {Phase: estate.Prepare}} {
		if err := a.remembers([]reconciler.Report{{Migration: eks, Marker: at}}); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
	err = a.remembers([]reconciler.Report{{Migration: eks, Marker: estate.Marker{Phase: estate.Canary, Weight: 25}}})
	if err == nil || !strings.Contains(err.Error(), JournalFile(state)) || !strings.Contains(err.Error(), "migration eks is at canary") {
		t.Errorf("error = %v, want one that names the migration and the file", err)
	}
	daemons, err := journal.Open(t.Context(), JournalFile(state))
	if err != nil {
		t.Fatal(err)
	}
	defer daemons.Close()
	if a.journal, err = openOnlooker(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	defer a.journal.Close()
	if err := a.remembers([]reconciler.Report{{Migration: eks, Marker: estate.Marker{Phase: estate.Canary, Weight: 25}}}); err != nil {
		t.Errorf("beside the daemon: %v", err)
	}
}
