package cli_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/cli"
	"cutover/cmd/internal/lab/sample"
)

// TestGenerateSample generates from the whole sample twice, and finds the same bytes: also when what was generated
// first has been committed to the repository, as the daemon commits it.
func TestGenerateSample(t *testing.T) {
	dir := t.TempDir()
	for _, f := range sample.Files() {
		write(t, filepath.Join(dir, filepath.FromSlash(f.Path)), f.Data)
	}
	first := generate(t, dir)
	if diff := cmp.Diff(first, generate(t, dir)); diff != "" {
		t.Errorf("the second time differs (-first +second):\n%s", diff)
	}
	// 74 values files, stacks.yaml, and the pipelines of dev, qa, stage, prod and prod2.
	if got, want := len(first), 74+1+78+78+9+84+84; got != want {
		t.Errorf("%d files, want %d", got, want)
	}
	for name, data := range first {
		if filepath.Dir(filepath.Dir(name)) != "pipelines" {
			write(t, filepath.Join(dir, name), []byte(data))
		}
	}
	if diff := cmp.Diff(first, generate(t, dir)); diff != "" {
		t.Errorf("what is generated from the repository with the generated files differs (-first +third):\n%s", diff)
	}
}

// generate runs the command and returns what it wrote, by path.
func generate(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	args := []string{"generate", dir, "--out", out}
	if code := cli.Run(t.Context(), args, cli.Streams{Out: &stdout, Err: &stderr}, "test"); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(out), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(out, name))
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
