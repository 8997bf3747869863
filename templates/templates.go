// Package templates holds the texts that are built into the program. It knows nothing of what they are filled with.
package templates

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed pipelines/*.yaml
var pipelines embed.FS

//go:embed review/*.md.tmpl
var reviews embed.FS

// Review returns the text of what is said on pull requests: proposal, plan, progress, retreat or frozen. It panics for
// another name.
func Review(name string) string {
	data, err := reviews.ReadFile(path.Join("review", name+".md.tmpl"))
	if err != nil {
		panic(err) // the names are constants of the program
	}
	return string(data)
}

// Pipeline returns the text of a built-in pipeline template, which cutover.yaml calls builtin:NAME, or false if there
// is none of that name.
func Pipeline(name string) (text string, ok bool) {
	data, err := pipelines.ReadFile(path.Join("pipelines", name+".yaml"))
	return string(data), err == nil
}

// PipelineNames lists the built-in pipeline templates, sorted.
func PipelineNames() []string {
	files, err := fs.Glob(pipelines, "pipelines/*.yaml")
	if err != nil {
		return nil // the pattern is valid
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(path.Base(file), ".yaml"))
	}
	slices.Sort(names) // "deploy.yaml" comes after "deploy-canary.yaml"
	return names
}
