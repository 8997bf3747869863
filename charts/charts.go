// Package charts holds the program's own Helm charts, embedded. workload and routing serve between them every service
// of an estate; both take the same values, and values.schema.json says which. secret-sync installs the program of that
// name.
package charts

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"cutover/gitops/estate"
)

// A pattern without "all:" would leave out _helpers.tpl and .helmignore.
//
//go:embed all:workload all:routing
var services embed.FS

//go:embed all:secret-sync
var programs embed.FS

// Names lists the charts that serve an estate's services, sorted.
func Names() []string {
	entries, err := services.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embedded tree can always be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Files returns the files of the named chart, by paths relative to its root, sorted; false if there is no such
// chart. The caller may change what it gets.
func Files(name string) ([]estate.File, bool) {
	if name == "" || strings.ContainsAny(name, "./") {
		return nil, false
	}
	embedded := services
	if _, err := fs.Stat(programs, name); err == nil {
		embedded = programs
	}
	var files []estate.File
	err := fs.WalkDir(embedded, name, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(path)
		files = append(files, estate.File{Path: strings.TrimPrefix(path, name+"/"), Data: data})
		return err
	})
	slices.SortFunc(files, func(a, b estate.File) int { return strings.Compare(a.Path, b.Path) })
	return files, err == nil
}
