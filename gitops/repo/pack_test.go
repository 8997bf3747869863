package repo_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cutover/gitops/repo"
)

// A clone that follows many small commits stays small, is still what git calls a sound repository, and forgets
// nothing.
func TestPacksStayFew(t *testing.T) {
	const commits = 200
	s := newServer(t)
	dev := s.create(t, "values")
	for i := range 20 {
		dev.write(fmt.Sprintf("services/s%d/values.yaml", i), fmt.Sprintf("replicas: %d\n", i))
	}
	first := dev.push("main")
	config := s.config(t, "values")
	r := open(t, config)
	s.commit(t, "values", "refs/heads/main", "services/s0/values.yaml", "to be rewritten")
	rewritten := fetch(t, r).Heads["main"]
	dev.git("push", "-q", "-f", "origin", first+":refs/heads/main")

	var head string
	most := 0
	for i := range commits {
		s.commit(t, "values", "refs/heads/main", fmt.Sprintf("services/s%d/values.yaml", i%20), fmt.Sprintf("replicas: %d", i))
		head = fetch(t, r).Heads["main"]
		most = max(most, len(glob(t, config.Dir, "clone.git/objects/pack/*.pack")))
	}
	if most > 52 {
		t.Errorf("the clone had %d packs, want no more than the limit and a few", most)
	}
	if loose := glob(t, config.Dir, "clone.git/objects/[0-9a-f][0-9a-f]/*"); len(loose) > 0 {
		t.Errorf("the clone has %d loose objects, want none", len(loose))
	}
	clone := filepath.Join(config.Dir, "clone.git")
	run(t, clone, "fsck", "--strict", "--no-dangling")
	run(t, clone, "log", "-1", rewritten)
	if got := run(t, clone, "rev-list", "--count", head); got != fmt.Sprint(commits+1) {
		t.Errorf("git counts %s commits in the clone, want %d", got, commits+1)
	}
	t.Logf("after %d fetches: %d packs at most, %d kB", commits, most, diskUse(t, clone)/1000)
}

// commit makes a commit of one file on the server, faster than a developer does.
func (s *server) commit(t *testing.T, name, ref, path, content string) {
	t.Helper()
	cmd := exec.Command("git", "fast-import", "--quiet", "--date-format=now")
	cmd.Dir = filepath.Join(s.root, name)
	cmd.Stdin = strings.NewReader(fmt.Sprintf(
		"commit %s\ncommitter Dev <dev@example.com> now\ndata 4\nwork\nfrom %s^0\nM 644 inline %s\ndata %d\n%s\n\n",
		ref, ref, path, len(content), content))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
}

// The size that a large estate has.
func TestHugeTree(t *testing.T) {
	const services = 500
	s := newServer(t)
	dev := s.create(t, "values")
	for i := range services {
		for _, file := range []string{"service.yaml", "values.yaml", "dev-values.yaml", "prod-values.yaml"} {
			dev.write(fmt.Sprintf("deploy-values/orbit/ns%d/s%d/%s", i%10, i, file), fmt.Sprintf("# %s of %d\nreplicas: 2\n", file, i))
		}
	}
	first := dev.push("main")
	start := time.Now()
	lap := func(what string, limit time.Duration) {
		t.Helper()
		took := time.Since(start)
		t.Logf("%s: %s", what, took.Round(time.Millisecond))
		if took > limit {
			t.Errorf("%s took %s, want less than %s", what, took, limit)
		}
		start = time.Now()
	}
	r := open(t, s.config(t, "values"))
	lap("clone", 20*time.Second)
	readAll(t, r, first, services*4)
	lap("read every file", 10*time.Second)
	dev.write("deploy-values/orbit/ns0/s0/values.yaml", "replicas: 3\n")
	second := dev.push("main")
	start = time.Now()
	fetch(t, r)
	lap("fetch one change", 10*time.Second)
	paths, err := r.Changed(first, second)
	if err != nil || len(paths) != 1 {
		t.Errorf("changed: %v, %v", paths, err)
	}
	lap("compare", time.Second)
	if _, err := r.Commit(t.Context(), change("main", second, "deploy-values/orbit/ns0/s0/prod2-values.yaml", "x")); err != nil {
		t.Error(err)
	}
	lap("commit and push", 10*time.Second)
}

func readAll(t *testing.T, r *repo.Repository, commit string, want int) {
	t.Helper()
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		_, err = fs.ReadFile(tree, path)
		return err
	})
	if err != nil || files != want {
		t.Errorf("read %d files, want %d: %v", files, want, err)
	}
}

func diskUse(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}
