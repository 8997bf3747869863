package repo_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

func TestCommit(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	dev.write("readme", "hello\r\nworld\r\n")
	dev.write("services/api/values.yaml", "a: 1\n")
	dev.write("services/api/old.yaml", "a: 1\n")
	dev.write("services/gone/values.yaml", "a: 1\n")
	dev.write("tool", "#!/bin/sh\n")
	dev.executable("tool")
	dev.symlink("services", "link")
	dev.submodule("module")
	parent := dev.push("main")
	r := open(t, s.config(t, "values"))
	fetch(t, r)

	got, err := r.Commit(t.Context(), estate.Change{
		Branch: "main", Parent: parent, Message: "generate\n\nCutover-Phase: prepare\n",
		Write: []estate.File{
			{Path: "services/api/values.yaml", Data: []byte("a: 2\r\n")},
			{Path: "services/web/deep/er/values.yaml", Data: []byte("new")},
			{Path: "services-2", Data: nil},
			{Path: "tool", Data: []byte("#!/bin/bash\n")},
		},
		Remove: []string{"services/api/old.yaml", "services/gone/values.yaml", "services/never/was.yaml"},
	})
	if err != nil {
		t.Fatal(err)
	}
	dev.git("fetch", "-q", "origin")
	if head := dev.git("rev-parse", "origin/main"); head != got {
		t.Errorf("the branch is at %s, want %s", head, got)
	}
	want := strings.TrimSpace(`
M services/api/values.yaml
D services/api/old.yaml
D services/gone/values.yaml
A services/web/deep/er/values.yaml
A services-2
M tool`)
	if diff := cmp.Diff(lines(want), lines(strings.ReplaceAll(dev.git("diff", "--name-status", "--no-renames", parent, got), "\t", " "))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for path, mode := range map[string]string{"tool": "100755", "link": "120000", "module": "160000", "services-2": "100644", "services": "040000"} {
		if entry := dev.git("ls-tree", got, path); !strings.HasPrefix(entry, mode) {
			t.Errorf("%s: %s, want mode %s", path, entry, mode)
		}
	}
	if msg := dev.git("log", "-1", "--format=%an <%ae>|%cn|%B", got); msg != "Cutover <cutover@example.com>|Cutover|generate\n\nCutover-Phase: prepare" {
		t.Errorf("the commit says %q", msg)
	}
	dev.git("fsck", "--strict", "--no-dangling")
	if got := read(t, r, got, "services/api/values.yaml") + read(t, r, got, "readme"); got != "a: 2\r\nhello\r\nworld\r\n" {
		t.Errorf("line endings changed: %q", got)
	}
	u := fetch(t, r)
	if diff := cmp.Diff([]repo.Move{{Branch: "main", From: parent, To: got, Kind: repo.FastForward}}, u.Moved); diff != "" {
		t.Error(diff)
	}
}

func TestCommitNothing(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	dev.write("a/b", "1")
	parent := dev.push("main")
	r := open(t, s.config(t, "values"))
	s.fail(always(500, "must not be asked"))
	c := change("main", parent, "a/b", "1")
	c.Remove = []string{"c/d"}
	got, err := r.Commit(t.Context(), c)
	if err != nil || got != parent {
		t.Errorf("got %q, %v, want the parent", got, err)
	}
}

func TestCommitMakesBranches(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	r := open(t, s.config(t, "values"))
	first, err := r.Commit(t.Context(), change("main", "", "a", "1"))
	if err != nil {
		t.Fatalf("the first commit of an empty repository: %v", err)
	}
	second, err := r.Commit(t.Context(), change("advance/eks/canary-10", first, "a", "2"))
	if err != nil {
		t.Fatalf("a new branch: %v", err)
	}
	if got := dev.file("advance/eks/canary-10", "a"); got != "2" {
		t.Errorf("the new branch has %q", got)
	}
	u := fetch(t, r)
	if u.Heads["main"] != first || u.Heads["advance/eks/canary-10"] != second {
		t.Errorf("heads: %v", u.Heads)
	}
	if _, err := r.Commit(t.Context(), estate.Change{Branch: "main", Parent: first, Message: "empty", Remove: []string{"a"}}); err != nil {
		t.Errorf("removing the last file: %v", err)
	}

	dev.git("fetch", "-q")
	dev.git("push", "-q", "origin", ":advance/eks/canary-10")
	_, err = r.Commit(t.Context(), change("advance/eks/canary-10", second, "a", "3"))
	if !errors.Is(err, failure.ErrConflict) {
		t.Errorf("a branch that was deleted meanwhile: got %v, want a conflict", err)
	}
}

func TestCommitRefuses(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	dev.write("dir/file", "1")
	dev.symlink("dir", "link")
	dev.submodule("module")
	parent := dev.push("main")
	r := open(t, s.config(t, "values"))
	fetch(t, r)
	for _, test := range []struct {
		path, want string
	}{
		{"", "not a path"},
		{".", "not a path"},
		{"/etc/passwd", "not a path"},
		{"a/../b", "not a path"},
		{"a\x00b", "not a path"},
		{".git/config", "git allows no .git"},
		{"a/.GIT/config", "git allows no .GIT"},
		{"dir", "dir is a directory"},
		{"dir/file/below", "dir/file is a file and no directory"},
		{"link", "link is a symbolic link"},
		{"link/file", "link is a symbolic link and no directory"},
		{"module/file", "module is a submodule and no directory"},
	} {
		_, err := r.Commit(t.Context(), change("main", parent, test.path, "x"))
		if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.path, err, test.want)
		}
	}
	twice := change("main", parent, "a", "1")
	twice.Remove = []string{"a"}
	if _, err := r.Commit(t.Context(), twice); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("a path that is written and removed: got %v", err)
	}
	if _, err := r.Commit(t.Context(), change("a..b", parent, "a", "1")); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("a bad branch: got %v", err)
	}
	if _, err := r.Commit(t.Context(), change("main", strings.Repeat("b", 40), "a", "1")); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("an unknown parent: got %v", err)
	}

	s.hook(t, "values", "pre-receive", "echo 'main is protected' >&2; exit 1")
	_, err := r.Commit(t.Context(), change("main", parent, "a", "1"))
	if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "main is protected") {
		t.Errorf("a protected branch: got %v", err)
	}
	if u := fetch(t, r); u.Heads["main"] != parent || u.Moved != nil {
		t.Errorf("after a rejected push: %+v", u)
	}
}

func TestCommitConflict(t *testing.T) {
	s, dev, parent := begin(t)
	r := open(t, s.config(t, "values"))
	fetch(t, r)
	dev.write("a", "2")
	theirs := dev.push("main")

	_, err := r.Commit(t.Context(), change("main", parent, "b", "1"))
	if !errors.Is(err, failure.ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	u := fetch(t, r)
	if diff := cmp.Diff([]repo.Move{{Branch: "main", From: parent, To: theirs, Kind: repo.FastForward}}, u.Moved); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Commit(t.Context(), change("main", theirs, "b", "1")); err != nil {
		t.Errorf("decided again: %v", err)
	}
}

// The branch moves after the server told where it is and before it takes the push.
func TestCommitRace(t *testing.T) {
	s, dev, parent := begin(t)
	r := open(t, s.config(t, "values"))
	var once sync.Once
	s.fail(func(w http.ResponseWriter, r *http.Request, git http.Handler) {
		if strings.HasSuffix(r.URL.Path, "git-receive-pack") {
			once.Do(func() { dev.push("main") })
		}
		git.ServeHTTP(w, authorized(r))
	})
	if _, err := r.Commit(t.Context(), change("main", parent, "b", "1")); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestCommitLostAnswer(t *testing.T) {
	for _, more := range []bool{false, true} {
		t.Run(fmt.Sprintf("others follow %t", more), func(t *testing.T) {
			s, dev, parent := begin(t)
			r := open(t, s.config(t, "values"))

			s.fail(cutAfter("git-receive-pack", 0))
			c := change("main", parent, "b", "1")
			_, err := r.Commit(t.Context(), c)
			if !errors.Is(err, failure.ErrTransient) {
				t.Fatalf("got %v, want a temporary failure", err)
			}
			s.heal()
			dev.git("pull", "-q", "origin", "main")
			landed := dev.git("rev-parse", "HEAD")
			if landed == parent {
				t.Fatal("the server did not take the push")
			}
			if more {
				dev.write("c", "1")
				dev.push("main")
			}
			got, err := r.Commit(t.Context(), c)
			if err != nil || got != landed {
				t.Errorf("the same change again: got %q, %v, want %s", got, err, landed)
			}
			other := c
			other.Message = "something else"
			if _, err := r.Commit(t.Context(), other); !errors.Is(err, failure.ErrConflict) {
				t.Errorf("another change: got %v, want a conflict", err)
			}
		})
	}
}

// Two writers, each with a clone of its own, decide again after each conflict; no commit is lost.
func TestCommitTwoWriters(t *testing.T) {
	const each = 20
	s, dev, _ := begin(t)
	var wg sync.WaitGroup
	for writer := range 2 {
		r := open(t, s.config(t, "values"))
		wg.Go(func() {
			for n := 0; n < each; {
				u, err := r.Fetch(t.Context())
				if err == nil {
					_, err = r.Commit(t.Context(), change("main", u.Heads["main"], fmt.Sprintf("w%d/%d", writer, n), "x"))
				}
				switch {
				case err == nil:
					n++
				case !errors.Is(err, failure.ErrConflict) && !errors.Is(err, failure.ErrTransient):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	dev.git("pull", "-q", "origin", "main")
	if n := len(lines(dev.git("ls-files", "w0", "w1"))); n != 2*each {
		t.Errorf("%d files landed, want %d", n, 2*each)
	}
	if n := dev.git("rev-list", "--count", "--author=Cutover", "HEAD"); n != fmt.Sprint(2*each) {
		t.Errorf("%s commits landed, want %d", n, 2*each)
	}
}

func lines(s string) map[string]bool {
	set := make(map[string]bool)
	for line := range strings.Lines(s) {
		set[strings.TrimSpace(line)] = true
	}
	return set
}
