package registry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"

	"cutover/gitops/estate"
)

// maxChart is the most that a chart may hold, packed or unpacked, in bytes: as much as can be rendered.
const maxChart = 20 << 20

var errArchive = errors.New("it is no chart that can be used")

// unpack returns the files of a packed chart, sorted by path. Helm's reader strips the chart's own directory,
// refuses a path that leads out of it, and stops at 100 MiB.
func unpack(archive []byte) ([]estate.File, error) {
	packed, err := loader.LoadArchiveFiles(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArchive, err)
	}
	size := 0
	files := make([]estate.File, 0, len(packed))
	for _, f := range packed {
		size += len(f.Data)
		files = append(files, estate.File{Path: f.Name, Data: f.Data})
	}
	if size > maxChart {
		return nil, fmt.Errorf("%w: its files are %d bytes long: the most is %d", errArchive, size, maxChart)
	}
	slices.SortStableFunc(files, func(a, b estate.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}
