package repo_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

// seed makes a repository with a history, and returns the heads.
func seed(t *testing.T, s *server) (dev *developer, main, branch string) {
	t.Helper()
	dev = s.create(t, "values")
	for _, content := range []string{"1", "2", "3"} {
		dev.write("services/api/values.yaml", strings.Repeat(content, 4000))
		main = dev.push("main")
	}
	dev.write("b", "b")
	return dev, main, dev.push("migration/eks")
}

func TestOpenDamagedClone(t *testing.T) {
	for _, test := range []struct {
		name      string
		damage    func(t *testing.T, clone string)
		recovered string // part of the reason, or empty if a fetch alone mends it
	}{
		{"pack cut short", func(t *testing.T, clone string) { truncate(t, pack(t, clone)) }, "cut short"},
		{"pack changed", func(t *testing.T, clone string) { flip(t, pack(t, clone)) }, "cut short or changed"},
		{"pack gone", func(t *testing.T, clone string) { remove(t, pack(t, clone)) }, "not found"},
		{"index changed", func(t *testing.T, clone string) { flip(t, strings.TrimSuffix(pack(t, clone), "pack")+"idx") }, "malformed IDX"},
		{"index gone", func(t *testing.T, clone string) { remove(t, strings.TrimSuffix(pack(t, clone), "pack")+"idx") }, "packfile not found"},
		{"garbage in HEAD", func(t *testing.T, clone string) { overwrite(t, filepath.Join(clone, "HEAD"), "\x00\x01garbage") }, "HEAD"},
		{"HEAD gone", func(t *testing.T, clone string) { remove(t, filepath.Join(clone, "HEAD")) }, "not exist"},
		{"garbage in config", func(t *testing.T, clone string) { overwrite(t, filepath.Join(clone, "config"), "[core\n") }, "expected"},
		{"heads gone", func(t *testing.T, clone string) { remove(t, filepath.Join(clone, "packed-refs")) }, "packed-refs"},
		{"garbage in heads", func(t *testing.T, clone string) { overwrite(t, filepath.Join(clone, "packed-refs"), "?\n") }, "packed-refs is damaged"},
		{"a head lost", func(t *testing.T, clone string) {
			overwrite(t, filepath.Join(clone, "packed-refs"), "# pack-refs with: sorted\n")
		}, ""},
		{"everything gone", func(t *testing.T, clone string) { remove(t, clone) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			_, main, branch := seed(t, s)
			config := s.config(t, "values")
			r := open(t, config)
			fetch(t, r)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			test.damage(t, filepath.Join(config.Dir, "clone.git"))

			r = open(t, config)
			u := fetch(t, r)
			if !strings.Contains(u.Recovered, test.recovered) || test.recovered == "" && u.Recovered != "" {
				t.Errorf("recovered because %q, want %q", u.Recovered, test.recovered)
			}
			if u.Heads["main"] != main || u.Heads["migration/eks"] != branch || len(u.Heads) != 2 {
				t.Errorf("heads are %v", u.Heads)
			}
			if got := read(t, r, branch, "services/api/values.yaml"); got != strings.Repeat("3", 4000) {
				t.Error("the file reads differently")
			}
			if u := fetch(t, r); u.Recovered != "" || u.Moved != nil {
				t.Errorf("the fetch after that tells %+v", u)
			}
		})
	}
}

// Damage that comes while the clone is in use is an error for who reads, and the next fetch mends it.
func TestFetchMendsDamage(t *testing.T) {
	s := newServer(t)
	_, main, _ := seed(t, s)
	config := s.config(t, "values")
	if err := open(t, config).Close(); err != nil {
		t.Fatal(err)
	}
	r := open(t, config) // with nothing in memory
	tree, err := r.Tree(main)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(config.Dir, "clone.git", "objects", "pack")
	for _, file := range glob(t, dir, "*.pack") {
		truncate(t, file)
	}
	if _, err := fs.ReadFile(tree, "services/api/values.yaml"); !errors.Is(err, failure.ErrTransient) {
		t.Fatalf("reading from a damaged clone gives %v", err)
	}
	if u := fetch(t, r); u.Recovered == "" {
		t.Error("the recovery is not told")
	}
	if _, err := fs.ReadFile(tree, "services/api/values.yaml"); err != nil {
		t.Errorf("after the recovery: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := newServer(t)
	s.create(t, "values").push("main")

	t.Run("a directory with something else", func(t *testing.T) {
		config := s.config(t, "values")
		config.Dir = t.TempDir()
		overwrite(t, filepath.Join(config.Dir, "thesis.txt"), "precious")
		_, err := repo.Open(t.Context(), config)
		if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "empty directory") {
			t.Errorf("got %v", err)
		}
		if left := glob(t, config.Dir, "*"); len(left) != 1 {
			t.Errorf("the directory holds %v", left)
		}
	})
	t.Run("a directory in use", func(t *testing.T) {
		config := s.config(t, "values")
		r := open(t, config)
		_, err := repo.Open(t.Context(), config)
		if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "another process") {
			t.Errorf("got %v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, config)
	})
	for _, test := range []struct {
		name   string
		change func(*repo.Config)
		want   string
	}{
		{"no URL", func(c *repo.Config) { c.URL = "" }, "URL of the values repository is missing"},
		{"a path", func(c *repo.Config) { c.URL = "/srv/values" }, "must be http, https or ssh"},
		{"a password in the URL", func(c *repo.Config) { c.URL = "https://bot:hunter2@git.example.com/values" }, "credentials in it"},
		{"an unreadable URL", func(c *repo.Config) { c.URL = "https://bot:hunter2@git.example.com:x/values" }, "cannot be parsed"},
		{"no directory", func(c *repo.Config) { c.Dir = "" }, "directory of the clone is missing"},
		{"no author", func(c *repo.Config) { c.Author.Email = "" }, "name and an e-mail"},
		{"a bad author", func(c *repo.Config) { c.Author.Name = "a <b>" }, "does not allow"},
		{"a negative timeout", func(c *repo.Config) { c.Timeout = -1 }, "negative"},
		{"a bad CA", func(c *repo.Config) { c.CACert = []byte("hunter2") }, "not PEM"},
		{"SSH without a key", func(c *repo.Config) { c.URL = "git@git.example.com:values" }, "needs a private key"},
		{"SSH with a bad key", func(c *repo.Config) {
			c.URL, c.Auth.PrivateKey, c.Auth.KnownHosts = "git@git.example.com:values", []byte("hunter2"), []byte("x")
		}, "private key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := s.config(t, "values")
			test.change(&config)
			_, err := repo.Open(t.Context(), config)
			if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error shows the secret")
			}
		})
	}
}

// A clone of another URL is no use, and a clone that was not finished does not count.
func TestOpenReplacesClone(t *testing.T) {
	s := newServer(t)
	s.create(t, "old").push("main")
	dev := s.create(t, "values")
	dev.write("a", "1")
	a := dev.push("main")
	config := s.config(t, "old")
	if err := open(t, config).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(config.Dir, "clone.new", "objects"), 0o700); err != nil {
		t.Fatal(err)
	}
	config.URL = s.URL + "/values"
	if u := fetch(t, open(t, config)); u.Heads["main"] != a || !strings.Contains(u.Recovered, "another URL") {
		t.Errorf("got %+v", u)
	}
	if left := glob(t, config.Dir, "clone.new"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenNeedsNoRemoteForAClone(t *testing.T) {
	s := newServer(t)
	_, main, _ := seed(t, s)
	config := s.config(t, "values")
	s.fail(always(500, "down"))
	if _, err := repo.Open(t.Context(), config); !errors.Is(err, failure.ErrTransient) {
		t.Fatalf("the first clone without a remote: %v", err)
	}
	s.heal()
	if err := open(t, config).Close(); err != nil {
		t.Fatal(err)
	}
	s.fail(always(500, "down"))
	r := open(t, config)
	read(t, r, main, "services/api/values.yaml")
	if _, err := r.Fetch(t.Context()); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("got %v", err)
	}
}

func pack(t *testing.T, clone string) string {
	t.Helper()
	packs := glob(t, clone, "objects/pack/*.pack")
	if len(packs) != 1 {
		t.Fatalf("the clone has %d packs, want 1", len(packs))
	}
	return packs[0]
}

func truncate(t *testing.T, file string) {
	t.Helper()
	writable(t, file)
	if err := os.Truncate(file, 100); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	overwrite(t, file, string(data))
}

func overwrite(t *testing.T, file, content string) {
	t.Helper()
	writable(t, file)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writable lets the test damage a pack, which git keeps read-only.
func writable(t *testing.T, file string) {
	t.Helper()
	if err := os.Chmod(file, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
