package generator_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/gitops/values"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const exampleValues = "../gitops/values/testdata/example-values"

var options = generator.Options{Estate: "test", Repository: "https://git.example.com/values"}

// exampleFiles are the files of the example's values repository, for a test to change.
func exampleFiles(t testing.TB) fstest.MapFS {
	t.Helper()
	files := make(fstest.MapFS)
	root := os.DirFS(exampleValues)
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t testing.TB, files fs.FS) *estate.Estate {
	t.Helper()
	e, problems := values.Read(files)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return e
}

// expand expands the only migration of the files.
func expand(t testing.TB, files fs.FS) (*estate.Estate, generator.Files) {
	t.Helper()
	e := read(t, files)
	expanded, out, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	return expanded, out
}

var (
	orbit = estate.Must(estate.ParseProductName("orbit"))
	prod  = estate.Must(estate.ParseStackName("prod"))
	prod2 = estate.Must(estate.ParseStackName("prod2"))
)

// golden compares a text with testdata/golden/NAME, or writes it there.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", file, diff)
	}
}
