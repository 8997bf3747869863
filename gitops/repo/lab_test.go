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
