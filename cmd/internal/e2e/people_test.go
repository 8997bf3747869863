package e2e

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cutover/gitops/estate"
)

// file is the path of a service's file in the values repository.
func (p *place) file(service, name string) string {
	s, _ := p.estate.Service(p.migration.Product, estate.Must(estate.ParseServiceName(service)))
	return s.Path + "/" + name
}

// edit replaces a text in a file of the migration's branch, and returns the commit.
func (p *place) edit(t *testing.T, path, old, replacement string) string {
	t.Helper()
	data, err := p.Read(t.Context(), p.migration.Branch, path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q:\n%s", path, old, data)
	}
	return p.push(t, "Edit "+path, path, strings.Replace(string(data), old, replacement, 1))
}

// push writes a file of the migration's branch, and returns the commit.
func (p *place) push(t *testing.T, message, path, text string) string {
	t.Helper()
	commit, err := p.Push(t.Context(), p.migration.Branch, message, estate.File{Path: path, Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// clone is a developer's clone of the values repository, for what only git itself can do.
type clone string

func (p *place) clone(t *testing.T) clone {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(p.Lab.Git.Username, p.Lab.Git.Token)
	c := clone(filepath.Join(t.TempDir(), "clone"))
	if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", u.String(), string(c)).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v: %s", err, out)
	}
	return c
}

func (c clone) git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(t, args...)
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

func (c clone) try(t *testing.T, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", string(c), "-c", "user.name=dev", "-c", "user.email=dev@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// commit writes a file and commits it.
func (c clone) commit(t *testing.T, message, path, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(c), path), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.git(t, "add", path)
	c.git(t, "commit", "-q", "-m", message)
}

// contains tells whether a commit has another one in its history. Both are on the server.
func (c clone) contains(t *testing.T, commit, ancestor string) bool {
	t.Helper()
	c.git(t, "fetch", "-q")
	_, err := c.try(t, "merge-base", "--is-ancestor", ancestor, commit)
	return err == nil
}
