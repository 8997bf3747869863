package reconciler

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"cutover/generator"
	"cutover/reconciler/evidence"
)

// pendingFiles compares what the generator gives with what stands in a tree.
func pendingFiles(files generator.Files, tree fs.FS) ([]evidence.File, error) {
	var out []evidence.File
	for _, f := range files.Write {
		have, err := fs.ReadFile(tree, f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			out = append(out, evidence.File{Path: f.Path, State: evidence.FileMissing})
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		case !bytes.Equal(have, f.Data):
			out = append(out, evidence.File{Path: f.Path, State: evidence.FileDiffers})
		}
	}
	for _, path := range files.Remove {
		if _, err := fs.Stat(tree, path); err == nil {
			out = append(out, evidence.File{Path: path, State: evidence.FileObsolete})
		}
	}
	return out, nil
}
