package repo_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/repo"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

// The same against Gitea, which answers differently from plain git in places.
func TestGitea(t *testing.T) {
	lab := labtest.Get(t)
	config := repo.Config{
		URL: lab.NewRepository(t), Dir: t.TempDir(),
		Auth:   repo.Auth{Token: lab.Git.Token},
		Author: repo.Identity{Name: "Cutover", Email: "cutover@example.com"},
	}
	r := open(t, config)
	if u := fetch(t, r); len(u.Heads) != 0 {
		t.Errorf("an empty repository has heads: %v", u.Heads)
	}
	first, err := r.Commit(t.Context(), change("main", "", "a", "1\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Commit(t.Context(), change("migration/eks", first, "b", "2"))
	if err != nil {
		t.Fatal(err)
	}
	want := []repo.Move{{Branch: "main", To: first, Kind: repo.Created}, {Branch: "migration/eks", To: second, Kind: repo.Created}}
	if diff := cmp.Diff(want, fetch(t, r).Moved); diff != "" {
		t.Error(diff)
	}

	config.Dir = t.TempDir()
	other := open(t, config)
	if got := read(t, other, second, "a") + read(t, other, second, "b"); got != "1\r\n2" {
		t.Errorf("another clone reads %q", got)
	}
	third, err := other.Commit(t.Context(), change("main", first, "a", "3"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(t.Context(), change("main", first, "c", "4")); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	want = []repo.Move{{Branch: "main", From: first, To: third, Kind: repo.FastForward}}
	if diff := cmp.Diff(want, fetch(t, r).Moved); diff != "" {
		t.Error(diff)
	}
}

func TestGiteaRefuses(t *testing.T) {
	lab := labtest.Get(t)
	config := repo.Config{
		URL: lab.NewRepository(t), Dir: t.TempDir(),
		Auth:   repo.Auth{Token: lab.Git.Token + "x"},
		Author: repo.Identity{Name: "Cutover", Email: "cutover@example.com"},
	}
	if _, err := repo.Open(t.Context(), config); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("a wrong token: got %v", err)
	}
	config.Auth.Token = lab.Git.Token
	config.URL += "-2"
	if _, err := repo.Open(t.Context(), config); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("no such repository: got %v", err)
	}
}

// Merges, proposals and deleted branches against Gitea, which runs hooks of its own.
func TestGiteaMerges(t *testing.T) {
	lab := labtest.Get(t)
	r := open(t, repo.Config{
		URL: lab.NewRepository(t), Dir: t.TempDir(),
		Auth:   repo.Auth{Token: lab.Git.Token},
		Author: repo.Identity{Name: "Cutover", Email: "cutover@example.com"},
	})
	commit := func(branch, parent, path, content string) string {
		t.Helper()
		hash, err := r.Commit(t.Context(), change(branch, parent, path, content))
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	base := commit("main", "", "a", "1")
	fetch(t, r)
	ours := commit("migration/eks", base, "b", "1")
	theirs := commit("main", base, "a", "2")
	fetch(t, r)
	merged, err := r.Merge(t.Context(), change("migration/eks", ours, "c", "1"), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, merged, "a") + read(t, r, merged, "b") + read(t, r, merged, "c"); got != "211" {
		t.Errorf("the files are %s", got)
	}
	first := propose(t, r, change(proposal, merged, "phase.yaml", "canary 10"))
	if again := propose(t, r, change(proposal, merged, "phase.yaml", "canary 10")); again != first {
		t.Errorf("the same change again makes %s, want %s", again, first)
	}
	second := propose(t, r, change(proposal, theirs, "phase.yaml", "canary 25"))
	if u := fetch(t, r); u.Heads["migration/eks"] != merged || u.Heads[proposal] != second {
		t.Errorf("heads are %v, want %s and %s", u.Heads, merged, second)
	}
	for range 2 {
		if err := r.DeleteBranch(t.Context(), proposal, second); err != nil {
			t.Fatal(err)
		}
	}
	if u := fetch(t, r); len(u.Heads) != 2 {
		t.Errorf("heads are %v", u.Heads)
	}
}
