package values

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"cutover/reconciler/failure"
)

// damaged is a file system that cannot read what is at one path.
type damaged struct {
	fstest.MapFS
	path string
}

var errDamaged = fmt.Errorf("%w: object not found", failure.ErrTransient)

func (d damaged) Open(name string) (fs.File, error) {
	if name == d.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errDamaged}
	}
	return d.MapFS.Open(name)
}

func (d damaged) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == d.path {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errDamaged}
	}
	return d.MapFS.ReadDir(name)
}

func (d damaged) ReadLink(name string) (string, error) {
	if name == d.path {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: errDamaged}
	}
	return d.MapFS.ReadLink(name)
}

// TestProblemsOfTheFileSystem checks that a caller can tell them from people's mistakes, wherever they occur.
func TestProblemsOfTheFileSystem(t *testing.T) {
	fsys := example(t)
	fsys["deploy-values/orbit/core/api/dev-values.yaml"] = &fstest.MapFile{Data: []byte("values.yaml"), Mode: fs.ModeSymlink | 0o777}
	for path := range fsys {
		if !strings.HasSuffix(path, "values.yaml") && !strings.HasSuffix(path, "service.yaml") && !strings.HasPrefix(path, "pipeline-templates/") && path != estatePath {
			continue
		}
		wantTransient(t, fsys, path)
	}
	for _, dir := range []string{".", "deploy-values", "deploy-values/orbit/core", "deploy-values/orbit/core/api", "migrations", "migrations/eks"} {
		wantTransient(t, fsys, dir)
	}
	delete(fsys, estatePath)
	if _, problems := Read(fsys); problems.Err() == nil || errors.Is(problems.Err(), failure.ErrTransient) {
		t.Errorf("a missing file gives %v", problems.Err())
	}
}

func wantTransient(t *testing.T, fsys fstest.MapFS, path string) {
	t.Helper()
	_, problems := Read(damaged{fsys, path})
	if err := problems.Err(); !errors.Is(err, failure.ErrTransient) || !strings.Contains(err.Error(), "object not found") {
		t.Errorf("%s cannot be read: got %v", path, err)
	}
}
