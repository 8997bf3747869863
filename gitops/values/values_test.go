package values

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// example returns a copy of the example estate that a test may change.
func example(tb testing.TB) fstest.MapFS {
	tb.Helper()
	out := fstest.MapFS{}
	root := os.DirFS("testdata/example-values")
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		out[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// TestProblems reads the example estate with the changes of testdata/problems/*.txtar. The files of an archive
// replace or add to the example's; lines of its comment may say "delete PATH" or "link PATH TARGET".
func TestProblems(t *testing.T) {
	names, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys := example(t)
			var want *txtar.File
			for i, f := range archive.Files {
				if f.Name == "problems" {
					want = &archive.Files[i]
					continue
				}
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			for line := range strings.Lines(string(archive.Comment)) {
				switch words := strings.Fields(line); {
				case len(words) == 2 && words[0] == "delete":
					delete(fsys, words[1])
				case len(words) == 3 && words[0] == "link":
					fsys[words[1]] = &fstest.MapFile{Data: []byte(words[2]), Mode: fs.ModeSymlink | 0o777}
				}
			}
			e, problems := Read(fsys)
			if e == nil {
				t.Fatal("no estate")
			}
			var got strings.Builder
			for _, p := range problems {
				got.WriteString(p.String() + "\n")
			}
			if *update {
				if want == nil {
					archive.Files = append(archive.Files, txtar.File{Name: "problems"})
					want = &archive.Files[len(archive.Files)-1]
				}
				want.Data = []byte(got.String())
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want == nil || got.String() != string(want.Data) {
				t.Errorf("got problems\n%swant\n%s", &got, want.Data)
			}
		})
	}
}
