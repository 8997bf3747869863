package repo_test

import (
	"errors"
	"strings"
	"testing"

	"cutover/gitops/estate"
	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

const proposal = "advance/eks/canary-10"

func propose(t *testing.T, r *repo.Repository, c estate.Change) string {
	t.Helper()
	hash, err := r.Propose(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestPropose(t *testing.T) {
	s, dev, parent := begin(t)
	r := open(t, s.config(t, "values"))
	first := propose(t, r, change(proposal, parent, "phase.yaml", "canary 10"))
	if got := dev.file(proposal, "phase.yaml"); got != "canary 10" {
		t.Errorf("the branch has %q", got)
	}
	if got := dev.git("log", "-1", "--format=%H %P %an", "origin/"+proposal); got != first+" "+parent+" Cutover" {
		t.Errorf("the branch is at %s, want %s", got, first)
	}
	if dates := dev.git("log", "--format=%ai %ci", "origin/"+proposal); strings.Count(dates, dev.git("log", "-1", "--format=%ci", parent)) != 4 {
		t.Errorf("the dates are not the parent's:\n%s", dates)
	}
	if got := read(t, r, first, "phase.yaml"); got != "canary 10" {
		t.Errorf("it reads %q at once", got)
	}

	other := open(t, s.config(t, "values"))
	pushes := watchPushes(s)
	if got := propose(t, other, change(proposal, parent, "phase.yaml", "canary 10")); got != first {
		t.Errorf("another process makes %s, want %s", got, first)
	}
	fetch(t, r)
	if got := propose(t, r, change(proposal, parent, "phase.yaml", "canary 10")); got != first {
		t.Errorf("the same change again makes %s, want %s", got, first)
	}
	if n := pushes(); n != 0 {
		t.Errorf("the same change was pushed %d times more", n)
	}

	// Others have pushed to it, or made it anew from elsewhere; the parent has moved on.
	dev.git("checkout", "-q", "-f", "-B", "x", first)
	dev.write("mine", "1")
	dev.push(proposal)
	if got := propose(t, r, change(proposal, parent, "phase.yaml", "canary 10")); got != first || dev.file(proposal, "phase.yaml") != "canary 10" {
		t.Errorf("over another's commit: %s, want %s", got, first)
	}
	dev.git("checkout", "-q", "-f", "-B", "x", parent)
	dev.write("b", "1")
	next := dev.push("main")
	fetch(t, r)
	second := propose(t, r, change(proposal, next, "phase.yaml", "canary 10"))
	dev.git("fetch", "-q", "origin")
	if got := dev.git("log", "-1", "--format=%H %P", "origin/"+proposal); got != second+" "+next {
		t.Errorf("on the new parent the branch is at %s, want %s %s", got, second, next)
	}
	if third := propose(t, r, change(proposal, next, "phase.yaml", "canary 25")); third == second {
		t.Error("another change is the same commit")
	}
	dev.git("fsck", "--strict", "--no-dangling")
}

func TestProposeNothing(t *testing.T) {
	s, _, parent := begin(t)
	r := open(t, s.config(t, "values"))
	s.fail(always(500, "must not be asked"))
	if got := propose(t, r, change(proposal, parent, "a", "1")); got != parent {
		t.Errorf("got %s, want the parent", got)
	}
}

func TestProposeLostAnswer(t *testing.T) {
	s, dev, parent := begin(t)
	r := open(t, s.config(t, "values"))
	s.fail(cutAfter("git-receive-pack", 0))
	if _, err := r.Propose(t.Context(), change(proposal, parent, "b", "1")); !errors.Is(err, failure.ErrTransient) {
		t.Fatalf("got %v, want a temporary failure", err)
	}
	s.heal()
	dev.git("fetch", "-q", "origin")
	landed := dev.git("rev-parse", "origin/"+proposal)
	if got := propose(t, r, change(proposal, parent, "b", "1")); got != landed {
		t.Errorf("the same change again: %s, want %s", got, landed)
	}
	if got := read(t, r, landed, "b"); got != "1" {
		t.Errorf("it reads %q", got)
	}
}

func TestDeleteBranch(t *testing.T) {
	s, dev, parent := begin(t)
	r := open(t, s.config(t, "values"))
	head := propose(t, r, change(proposal, parent, "b", "1"))
	fetch(t, r)
	if err := r.DeleteBranch(t.Context(), proposal, parent); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("a branch that has moved on: %v", err)
	}
	s.fail(cutAfter("git-receive-pack", 0))
	if err := r.DeleteBranch(t.Context(), proposal, head); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("without an answer: %v", err)
	}
	s.heal()
	for range 2 {
		if err := r.DeleteBranch(t.Context(), proposal, head); err != nil {
			t.Fatal(err)
		}
	}
	if left := dev.git("ls-remote", "--heads", "origin"); strings.Contains(left, proposal) || !strings.Contains(left, "main") {
		t.Errorf("left are %s", left)
	}
	if _, ok := fetch(t, r).Heads[proposal]; ok {
		t.Error("the fetch after that still has it")
	}
	propose(t, r, change(proposal, parent, "b", "1"))
	if got := dev.file(proposal, "b"); got != "1" {
		t.Errorf("made again it has %q", got)
	}
}

// Branches of people and of the migration are out of reach.
func TestProposalsAreOurs(t *testing.T) {
	s, dev, parent := begin(t)
	dev.git("push", "-q", "origin", parent+":refs/heads/migration/eks")
	r := open(t, s.config(t, "values"))
	for _, branch := range []string{"main", "migration/eks", "advanced", "advance", "advance/", "advance/../main", "xadvance/eks", "", "advance/a..b"} {
		if _, err := r.Propose(t.Context(), change(branch, parent, "a", "2")); !errors.Is(err, failure.ErrRefused) {
			t.Errorf("Propose %q: got %v, want a refusal", branch, err)
		}
		if err := r.DeleteBranch(t.Context(), branch, parent); !errors.Is(err, failure.ErrRefused) {
			t.Errorf("DeleteBranch %q: got %v, want a refusal", branch, err)
		}
	}
	if _, err := r.Propose(t.Context(), change(proposal, strings.Repeat("b", 40), "a", "2")); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("an unknown parent: %v", err)
	}
	if u := fetch(t, r); len(u.Heads) != 2 || u.Heads["main"] != parent || u.Heads["migration/eks"] != parent {
		t.Errorf("heads are %v", u.Heads)
	}
}
