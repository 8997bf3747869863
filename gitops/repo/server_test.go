package repo_test

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/repo"
)

const token = "s3cret/token+1"

// server is a real git server: `git http-backend` behind basic authentication, with faults on demand.
type server struct {
	*httptest.Server
	root  string
	fault atomic.Pointer[fault]
}

// fault answers a request in the place of git, which it may ask first.
type fault func(w http.ResponseWriter, r *http.Request, git http.Handler)

// always is a fault of every request.
func always(status int, body string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { http.Error(w, body, status) }
}

func newServer(t testing.TB) *server {
	t.Helper()
	binary, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("these tests need git: install it")
	}
	s := &server{root: t.TempDir()}
	backend := &cgi.Handler{
		Path: binary, Args: []string{"http-backend"},
		Env:        []string{"GIT_PROJECT_ROOT=" + s.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + s.root},
		InheritEnv: []string{"PATH"},
		Stderr:     new(strings.Builder),
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.fault.Load(); f != nil {
			(*f)(w, r, backend)
			return
		}
		if user, password, _ := r.BasicAuth(); user != "bot" || password != token {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "no such user, you said "+password, http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) fail(f fault) { s.fault.Store(&f) }
func (s *server) heal()        { s.fault.Store(nil) }

// create makes an empty repository on the server and returns a developer's clone of it.
func (s *server) create(t testing.TB, name string) *developer {
	t.Helper()
	bare := filepath.Join(s.root, name)
	run(t, s.root, "init", "-q", "--bare", "-b", "main", bare)
	run(t, bare, "config", "http.receivepack", "true")
	return s.develop(t, name)
}

// begin makes a repository values, a developer of it, and the first commit of main.
func begin(t testing.TB) (s *server, dev *developer, head string) {
	t.Helper()
	s = newServer(t)
	dev = s.create(t, "values")
	dev.write("a", "1")
	return s, dev, dev.push("main")
}

// hook makes a hook of a repository, such as one that protects a branch.
func (s *server) hook(t testing.TB, name, hook, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.root, name, "hooks", hook), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// develop makes a developer's clone of a repository of the server.
func (s *server) develop(t testing.TB, name string) *developer {
	t.Helper()
	dir := t.TempDir()
	run(t, dir, "clone", "-q", filepath.Join(s.root, name), ".")
	return &developer{t: t, dir: dir}
}

func (s *server) config(t testing.TB, name string) repo.Config {
	return repo.Config{
		URL: s.URL + "/" + name, Dir: filepath.Join(t.TempDir(), "clone"),
		Auth:    repo.Auth{Username: "bot", Token: token},
		Author:  repo.Identity{Name: "Cutover", Email: "cutover@example.com"},
		Timeout: 30 * time.Second,
	}
}

// developer is a person with a work tree who pushes to the server's repository.
type developer struct {
	t   testing.TB
	dir string
}

func (d *developer) git(args ...string) string {
	d.t.Helper()
	return run(d.t, d.dir, args...)
}

func (d *developer) write(name, content string) {
	d.t.Helper()
	file := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d *developer) executable(name string) {
	d.t.Helper()
	if err := os.Chmod(filepath.Join(d.dir, name), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

func (d *developer) symlink(target, name string) {
	d.t.Helper()
	file := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink(target, file); err != nil {
		d.t.Fatal(err)
	}
}

// submodule records a commit of another repository in the index, as a submodule does.
func (d *developer) submodule(name string) {
	d.t.Helper()
	d.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("c", 40)+","+name)
	if err := os.MkdirAll(filepath.Join(d.dir, name), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

// push commits what is in the work tree to a branch, also over what is there, and returns the commit.
func (d *developer) push(branch string) string {
	d.t.Helper()
	d.git("add", "-A")
	d.git("commit", "-q", "--allow-empty", "-m", "work")
	d.git("push", "-q", "-f", "origin", "HEAD:refs/heads/"+branch)
	return d.git("rev-parse", "HEAD")
}

func (d *developer) file(branch, path string) string {
	d.t.Helper()
	d.git("fetch", "-q", "origin")
	return d.git("show", "origin/"+branch+":"+path)
}

func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Dev", "GIT_AUTHOR_EMAIL=dev@example.com",
		"GIT_COMMITTER_NAME=Dev", "GIT_COMMITTER_EMAIL=dev@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func open(t testing.TB, config repo.Config) *repo.Repository {
	t.Helper()
	r, err := repo.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func fetch(t testing.TB, r *repo.Repository) repo.Update {
	t.Helper()
	u, err := r.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// change is a change of one file.
func change(branch, parent, path, content string) estate.Change {
	return estate.Change{
		Branch: branch, Parent: parent, Message: "change " + path,
		Write: []estate.File{{Path: path, Data: []byte(content)}},
	}
}
