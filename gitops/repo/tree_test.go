package repo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"cutover/reconciler/failure"
)

func TestTree(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	dev.write("services/api/values.yaml", "a: 1\n")
	dev.write("services/api-2/values.yaml", "a: 1\n")
	dev.write("services.txt", "sorted between, for git")
	dev.write("tool", "#!/bin/sh\n")
	dev.executable("tool")
	dev.symlink("services", "link")
	dev.symlink("../api/values.yaml", "services/api-2/shared.yaml")
	dev.submodule("module")
	commit := dev.push("main")
	r := open(t, s.config(t, "values"))
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree, "services/api/values.yaml", "services/api-2/shared.yaml", "services.txt", "tool", "link", "module"); err != nil {
		t.Error(err)
	}

	for path, want := range map[string]fs.FileMode{
		".": fs.ModeDir, "services": fs.ModeDir, "module": fs.ModeDir, "link": fs.ModeSymlink, "tool": 0o555, "services.txt": 0o444,
	} {
		info, err := fs.Lstat(tree, path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got&^0o777 != want&^0o777 || want&0o777 != 0 && got != want {
			t.Errorf("%s has mode %s, want %s", path, got, want)
		}
	}
	sys := func(path string) string {
		info, err := fs.Stat(tree, path)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(info.Sys())
	}
	blob := "git:" + dev.git("rev-parse", commit+":services/api/values.yaml")
	for _, path := range []string{"services/api/values.yaml", "services/api-2/values.yaml", "services/api-2/shared.yaml", "link/api/values.yaml"} {
		if got := sys(path); got != blob {
			t.Errorf("%s: Sys is %s, want %s", path, got, blob)
		}
	}
	if got := sys("services"); got != "git:"+dev.git("rev-parse", commit+":services") {
		t.Errorf("services: Sys is %s", got)
	}
	if target, err := fs.ReadLink(tree, "link"); err != nil || target != "services" {
		t.Errorf("link leads to %q, %v", target, err)
	}
	if _, err := fs.ReadLink(tree, "tool"); err == nil {
		t.Error("a file was read as a link")
	}
	if _, err := r.Tree(strings.Repeat("d", 40)); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("an unknown commit: %v", err)
	}
}

func TestTreeLinks(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	dev.write("dir/file", "1")
	dev.symlink("/etc/passwd", "absolute")
	dev.symlink("../../etc/passwd", "dir/outside")
	dev.symlink("../dir/../dir/file", "dir/around")
	dev.symlink("loop", "loop")
	dev.symlink("nowhere", "dangling")
	r := open(t, s.config(t, "values"))
	commit := dev.push("main")
	fetch(t, r)
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"absolute": "leaves the tree", "dir/outside": "leaves the tree", "loop": "too many", "dangling": "not exist",
		"dir/file/x": "not exist", "dir": "is a directory", "/dir": "invalid",
	} {
		if _, err := fs.ReadFile(tree, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if data, err := fs.ReadFile(tree, "dir/around"); err != nil || string(data) != "1" {
		t.Errorf("dir/around: %q, %v", data, err)
	}
	if _, err := fs.ReadDir(tree, "dir/file"); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file was listed: %v", err)
	}
}

// Snapshots are read while the clone changes under them.
func TestTreeConcurrent(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	for i := range 40 {
		dev.write(fmt.Sprintf("dir%d/file", i), fmt.Sprint(i))
	}
	commit := dev.push("main")
	r := open(t, s.config(t, "values"))
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				err := fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
					if err == nil && !e.IsDir() {
						_, err = fs.ReadFile(tree, path)
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 5 {
		u := fetch(t, r)
		if _, err := r.Commit(t.Context(), change("main", u.Heads["main"], "new", fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
		dev.git("commit", "-q", "--amend", "--allow-empty", "-m", fmt.Sprint(i))
		dev.git("push", "-q", "-f", "origin", "HEAD:refs/heads/rewritten")
	}
	close(done)
	wg.Wait()
}
