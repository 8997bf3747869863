package reconciler

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// trailer ends the message of a commit that changes the marker.
const trailer = "Cutover-Phase: "

// markerOf tells how the marker of a commit came to be what it is.
func (r *Reconciler) markerOf(m estate.Migration, head string) (evidence.Marker, error) {
	commit, ok, err := r.History.LastChange(head, m.MarkerPath())
	if err != nil || !ok {
		return evidence.Marker{}, err
	}
	e := evidence.Marker{Commit: commit.Hash, Reviewed: r.Pushed}
	e.Trailer = trailerOf(commit.Message)
	if len(commit.Parents) == 0 {
		return e, nil
	}
	tree, err := r.Source.Tree(commit.Parents[0])
	if err != nil {
		return e, fmt.Errorf("read the marker before %.10s: %w", commit.Hash, err)
	}
	// Problems of the past are no matter: what could be read there is enough to know the marker.
	before, _ := r.reader.Read(tree)
	if old, ok := before.Migration(m.Name); ok {
		e.Before = old.Marker
	}
	return e, nil
}

// trailerOf is the phase that the trailers of a commit's message name: those of its last paragraph, as git has it.
func trailerOf(message string) string {
	message = strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
	last := message[strings.LastIndex(message, "\n\n")+1:]
	value := ""
	for line := range strings.Lines(last) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), trailer); ok {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

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
