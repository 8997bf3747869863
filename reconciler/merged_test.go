package reconciler

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestMerged(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	ours := fstest.MapFS{
		"a": file("ours"), "kept/x": file("ours"), "half/x": file("ours"), "half/y": file("ours"), "gone/deep/x": file("ours"),
		"was-file": file("ours"), "was-dir/x": file("ours"), "mine": file("ours"),
	}
	theirs := fstest.MapFS{
		"a": file("theirs"), "kept/x": file("theirs"), "half/x": file("theirs"), "new/deep/x": file("theirs"), "new/left": file("theirs"),
		"was-file/x": file("theirs"), "was-dir": file("theirs"), "ignored/x": file("theirs"),
	}
	take := []string{"half/x", "half/y", "gone/deep/x", "new/deep/x", "was-file", "was-file/x", "was-dir/x", "was-dir"}
	want := []string{
		"a=ours", "half/x=theirs", "kept/x=ours", "mine=ours", "new/deep/x=theirs", "was-dir=theirs", "was-file/x=theirs",
	}
	m := newMerged(ours, theirs, take)
	var got []string
	err := fs.WalkDir(m, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(m, name)
		got = append(got, name+"="+string(data))
		return err
	})
	slices.Sort(got)
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); err != nil || diff != "" {
		t.Errorf("%v; the merged tree (-want +got):\n%s", err, diff)
	}
	dirs, err := fs.ReadDir(m, ".")
	for _, d := range dirs {
		if d.Name() == "gone" || d.Name() == "ignored" {
			t.Errorf("directory %s is there, and git would not keep it", d.Name())
		}
	}
	if err != nil {
		t.Error(err)
	}
}
