package repo_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

func TestFetchMoves(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	r := open(t, s.config(t, "values"))
	step := func(what string, want ...repo.Move) {
		t.Helper()
		u := fetch(t, r)
		if diff := cmp.Diff(want, u.Moved); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", what, diff)
		}
		for _, m := range want {
			if u.Heads[m.Branch] != m.To {
				t.Errorf("%s: head of %s is %q, want %q", what, m.Branch, u.Heads[m.Branch], m.To)
			}
		}
	}
	step("an empty repository")

	dev.write("a", "1")
	a := dev.push("main")
	step("first commit", repo.Move{Branch: "main", To: a, Kind: repo.Created})
	step("nothing new")

	dev.write("a", "2")
	b := dev.push("main")
	dev.git("push", "-q", "origin", a+":refs/heads/migration/eks")
	step("two branches", repo.Move{Branch: "main", From: a, To: b, Kind: repo.FastForward},
		repo.Move{Branch: "migration/eks", To: a, Kind: repo.Created})

	dev.git("reset", "-q", "--hard", a)
	dev.write("a", "3")
	c := dev.push("main")
	step("rewritten", repo.Move{Branch: "main", From: b, To: c, Kind: repo.Rewritten})
	if got := read(t, r, b, "a"); got != "2" {
		t.Errorf("the commit before the rewrite reads %q, want 2", got)
	}

	dev.git("push", "-q", "-f", "origin", a+":refs/heads/main")
	step("moved back", repo.Move{Branch: "main", From: c, To: a, Kind: repo.Rewritten})

	dev.git("push", "-q", "origin", ":refs/heads/migration/eks", a+":refs/heads/migration")
	step("a branch in the place of a directory of branches", repo.Move{Branch: "migration", To: a, Kind: repo.Created},
		repo.Move{Branch: "migration/eks", From: a, Kind: repo.Deleted})

	dev.git("checkout", "-q", "--orphan", "other")
	dev.write("a", "unrelated")
	d := dev.push("main")
	step("unrelated history", repo.Move{Branch: "main", From: a, To: d, Kind: repo.Rewritten})
}

func TestFetchAfterRestartReportsWhatMovedMeanwhile(t *testing.T) {
	s, dev, a := begin(t)
	config := s.config(t, "values")
	r := open(t, config)
	fetch(t, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	dev.write("a", "2")
	b := dev.push("main")

	want := []repo.Move{{Branch: "main", From: a, To: b, Kind: repo.FastForward}}
	if diff := cmp.Diff(want, fetch(t, open(t, config)).Moved); diff != "" {
		t.Error(diff)
	}
}

// While the remote is away nothing is delivered; afterwards everything is.
func TestFetchVanishedRemote(t *testing.T) {
	s, dev, a := begin(t)
	config := s.config(t, "values")
	r := open(t, config)
	fetch(t, r)
	dev.write("a", "2")
	b := dev.push("main")

	for _, test := range []struct {
		name  string
		fault fault
		want  error
	}{
		{"gone", always(404, "not here"), failure.ErrNotFound},
		{"broken", always(502, "bad gateway"), failure.ErrTransient},
		{"busy", always(429, "slow down"), failure.ErrTransient},
		{"a log-in page", always(200, "<html>log in</html>"), failure.ErrTransient},
		{"forbidden", always(403, "no"), failure.ErrRefused},
		{"cut while telling its branches", cutAfter("info/refs", 20), failure.ErrTransient},
		{"cut within the pack", cutAfter("git-upload-pack", 60), failure.ErrTransient},
		{"cut before the pack", cutAfter("git-upload-pack", 0), failure.ErrTransient},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.fail(test.fault)
			defer s.heal()
			u, err := r.Fetch(t.Context())
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if u.Heads != nil || u.Moved != nil {
				t.Errorf("an update was delivered: %+v", u)
			}
		})
	}
	if left := glob(t, config.Dir, "clone.git/incoming-*", "clone.git/objects/pack/tmp_*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	want := []repo.Move{{Branch: "main", From: a, To: b, Kind: repo.FastForward}}
	if diff := cmp.Diff(want, fetch(t, r).Moved); diff != "" {
		t.Error(diff)
	}
}

func TestFetchTimeout(t *testing.T) {
	s := newServer(t)
	s.create(t, "values").push("main")
	config := s.config(t, "values")
	config.Timeout = 300e6
	r := open(t, config)
	s.fail(hang)
	_, err := r.Fetch(t.Context())
	if !errors.Is(err, failure.ErrTransient) {
		t.Errorf("got %v, want a temporary failure", err)
	}
}

func TestChanged(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	dev.write("keep/a", "1")
	dev.write("services/api/values.yaml", "image: api\nport: 8080\n")
	dev.write("services/api-2/values.yaml", "x")
	dev.write("tool", "#!/bin/sh\n")
	a := dev.push("main")
	dev.git("mv", "services/api/values.yaml", "services/api/new.yaml")
	dev.git("rm", "-q", "services/api-2/values.yaml")
	dev.write("services/web/values.yaml", "y")
	dev.executable("tool")
	dev.submodule("module")
	b := dev.push("main")
	r := open(t, s.config(t, "values"))

	got, err := r.Changed(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(dev.git("diff", "--name-only", "--no-renames", a, b), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-git +got):\n%s", diff)
	}
	if len(want) != 6 {
		t.Errorf("the test changes %d paths, want 6: %v", len(want), want)
	}
	if same, err := r.Changed(a, a); err != nil || len(same) != 0 {
		t.Errorf("a commit differs from itself: %v %v", same, err)
	}
	if _, err := r.Changed(strings.Repeat("0", 39)+"1", b); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("unknown commit: got %v", err)
	}
	if _, err := r.Changed("main", b); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("no commit: got %v", err)
	}
}

func TestLastChange(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	commits := map[string]string{}
	step := func(name, path, content string) {
		t.Helper()
		dev.write(path, content)
		commits[name] = dev.push("main")
	}
	step("root", "migrations/eks/phase.yaml", "phase: prepare\n")
	step("unrelated", "a", "1")
	step("deploy", "migrations/eks/phase.yaml", "phase: deploy\n")
	// A commit that came by a merge counts as the merge.
	dev.git("checkout", "-q", "-b", "advance")
	dev.write("b", "1")
	dev.push("advance")
	dev.git("checkout", "-q", "-")
	step("c", "c", "1")
	dev.git("merge", "-q", "--no-ff", "-m", "merge", "advance")
	commits["merge"] = dev.git("rev-parse", "HEAD")
	dev.git("rm", "-q", "a")
	commits["head"] = dev.push("main")
	r := open(t, s.config(t, "values"))

	for _, test := range []struct{ head, path, want string }{
		{"head", "migrations/eks/phase.yaml", "deploy"},
		{"head", "migrations", "deploy"},
		{"unrelated", "migrations/eks/phase.yaml", "root"},
		{"head", "b", "merge"},
		{"head", "a", "head"},
		{"c", "a", "unrelated"},
		{"head", "never/was", ""},
	} {
		c, ok, err := r.LastChange(commits[test.head], test.path)
		if err != nil || ok != (test.want != "") || ok && c.Hash != commits[test.want] {
			t.Errorf("%s at %s: got %s %t %v, want the commit %q", test.path, test.head, c.Hash, ok, err, test.want)
		}
	}
	c, _, err := r.LastChange(commits["merge"], "b")
	if err != nil {
		t.Fatal(err)
	}
	if c.Message != "merge\n" || len(c.Parents) != 2 || c.Parents[0] != commits["c"] || c.Author != "Dev" || c.When.IsZero() {
		t.Errorf("got %+v", c)
	}
	if _, _, err := r.LastChange(strings.Repeat("a", 40), "a"); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("unknown commit: got %v", err)
	}

	line, err := r.Line(commits["head"], 3)
	if want := []string{commits["head"], commits["merge"], commits["c"]}; err != nil || !slices.Equal(hashes(line), want) {
		t.Errorf("line: got %v %v, want %v", hashes(line), err, want)
	}
	if line, err := r.Line(commits["root"], 3); err != nil || !slices.Equal(hashes(line), []string{commits["root"]}) {
		t.Errorf("line of the first commit: got %v %v", hashes(line), err)
	}
	if _, err := r.Line(strings.Repeat("a", 40), 3); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("line of an unknown commit: got %v", err)
	}
}

func read(t testing.TB, r *repo.Repository, commit, path string) string {
	t.Helper()
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(tree, path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
