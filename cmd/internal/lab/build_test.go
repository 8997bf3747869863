package lab

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const hello = `package main

import "fmt"

func main() { fmt.Println("hello") }
`

// newBuilder returns a builder over one module, hello, whose program is source. It records what it reports.
func newBuilder(t *testing.T, source string) (b builder, m module, reported func() []string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "hello", "go.mod"), "module hello\n\ngo 1.26\n")
	writeFile(t, filepath.Join(dir, "hello", "main.go"), source)
	s := newSpawner()
	t.Cleanup(s.close)
	var mu sync.Mutex
	var states []string
	b = builder{
		modules: dir,
		cache:   filepath.Join(t.TempDir(), "cache"),
		run:     s.run,
		progress: func(server string, s State) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, server+" "+string(s))
		},
	}
	return b, module{name: "hello", pkg: "."}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return states
	}
}

func writeFile(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestBuildOnce(t *testing.T) {
	b, m, reported := newBuilder(t, hello)
	// Two at once: one builds, the other waits for it.
	var paths [2]string
	var both sync.WaitGroup
	for i := range paths {
		both.Go(func() {
			path, err := b.binary(t.Context(), m)
			if err != nil {
				t.Error(err)
			}
			paths[i] = path
		})
	}
	both.Wait()
	if t.Failed() {
		return
	}
	out, err := exec.Command(paths[0]).Output()
	if err != nil || string(out) != "hello\n" {
		t.Errorf("the program says %q, %v", out, err)
	}
	built, err := os.Stat(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	before := len(reported())
	again, err := b.binary(t.Context(), m)
	if err != nil || again != paths[0] || again != paths[1] {
		t.Errorf("got %s, %v, want %s thrice", again, err, paths)
	}
	if after, err := os.Stat(again); err != nil || !os.SameFile(built, after) || len(reported()) != before {
		t.Errorf("it was built again: %v, %v", reported(), err)
	}

	writeFile(t, filepath.Join(b.modules, "hello", "main.go"), strings.ReplaceAll(hello, "hello", "goodbye"))
	changed, err := b.binary(t.Context(), m)
	if err != nil || changed == again {
		t.Errorf("got %s, %v for other sources, want another path", changed, err)
	}
}

func TestBuildFails(t *testing.T) {
	b, m, _ := newBuilder(t, "package main\n\nfunc main() { undefinedFunction() }\n")
	_, err := b.binary(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), "build hello: ") || !strings.Contains(err.Error(), "undefinedFunction") {
		t.Errorf("got %v, want the module's name and what the compiler said", err)
	}
	left, globErr := filepath.Glob(filepath.Join(b.cache, "hello-*"))
	if globErr != nil || len(left) != 1 || filepath.Ext(left[0]) != ".lock" {
		t.Errorf("the cache holds %v, want only the lock", left)
	}
}

func TestFind(t *testing.T) {
	assets, path := t.TempDir(), t.TempDir()
	for _, file := range []string{assets + "/etcd", path + "/etcd", path + "/kwok"} {
		writeFile(t, file, "#!/bin/sh\n")
	}
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	t.Setenv("PATH", path)
	for name, want := range map[string]string{"etcd": assets + "/etcd", "kwok": path + "/kwok", "vault": ""} {
		if got, ok := find(name); got != want || ok != (want != "") {
			t.Errorf("find(%s) = %q, %v, want %q", name, got, ok, want)
		}
	}
}

func TestFindModules(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "go.mod"), "module cutover\n")
	writeFile(t, filepath.Join(root, "hack", "tools", "go.mod"), "module tools\n")
	got, err := findModules(filepath.Join(root, "hack", "tools"))
	if want := filepath.Join(root, "hack", "lab"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := findModules(t.TempDir()); err == nil || !strings.Contains(err.Error(), "run the lab inside a clone") {
		t.Errorf("got %v outside a clone, want what to do", err)
	}
}

func TestModuleDirFails(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), "module empty\n\ngo 1.26\n")
	if got, err := moduleDir(t.Context(), dir, "lab.invalid/none"); err == nil || !strings.Contains(err.Error(), "lab.invalid/none") {
		t.Errorf("got %s, %v, want an error that names the module", got, err)
	}
	if _, err := moduleDir(t.Context(), filepath.Join(dir, "absent"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v for an absent build module, want %v", err, fs.ErrNotExist)
	}
}
