package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"

	"cutover/gitops/estate"
)

// maxChart is the most that a chart's files may hold together, in bytes. Helm refuses larger archives, too.
const maxChart = 20 << 20

// loaded is a chart that was read and checked once. It is never changed: each render works on a copy.
type loaded struct {
	chart *chart.Chart
	// schemas are the compiled schemas of the chart and of its subcharts, by their text: an alias changes a
	// subchart's name. Helm compiles them anew for each render, and would fetch what they refer to from anywhere.
	schemas map[string]*valuesSchema
}

// load reads a chart's files as helm reads a chart's directory.
func load(c estate.Chart) (*loaded, error) {
	if len(c.Files) == 0 {
		return nil, fmt.Errorf("no files: %s has not been fetched", c.From)
	}
	files, err := kept(c.Files)
	if err != nil {
		return nil, err
	}
	ch, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	if t := ch.Metadata.Type; t != "" && t != "application" {
		return nil, fmt.Errorf("it is a %s chart: only an application chart can be rendered", t)
	}
	if missing := missingDependencies(ch); len(missing) > 0 {
		return nil, fmt.Errorf("it names dependencies that are not in charts/: %s: run helm dependency build and commit the result", strings.Join(missing, ", "))
	}
	l := &loaded{chart: ch, schemas: map[string]*valuesSchema{}}
	if err := l.compileSchemas(ch); err != nil {
		return nil, err
	}
	return l, nil
}

// kept leaves out what .helmignore and Helm's own rules leave out, and checks the size.
func kept(files []estate.File) ([]*loader.BufferedFile, error) {
	rules := ignore.Empty()
	size := 0
	for _, f := range files {
		size += len(f.Data)
		if f.Path != ignore.HelmIgnore {
			continue
		}
		var err error
		if rules, err = ignore.Parse(bytes.NewReader(f.Data)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if size > maxChart {
		return nil, fmt.Errorf("its files are %d bytes long: the most is %d", size, maxChart)
	}
	rules.AddDefaults()

	var out []*loader.BufferedFile
	for _, f := range files {
		if !ignored(rules, f.Path) {
			out = append(out, &loader.BufferedFile{Name: f.Path, Data: bytes.TrimPrefix(f.Data, []byte("\ufeff"))})
		}
	}
	return out, nil
}

// ignored tells whether a rule matches the file or a directory that it is in.
func ignored(rules *ignore.Rules, file string) bool {
	for i, r := range file {
		if r == '/' && rules.Ignore(file[:i], entry{file[:i], true}) {
			return true
		}
	}
	return rules.Ignore(file, entry{file, false})
}

// entry is a file or directory as the ignore rules want to see it.
type entry struct {
	path string
	dir  bool
}

func (e entry) Name() string       { return path.Base(e.path) }
func (e entry) Size() int64        { return 0 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}

func missingDependencies(c *chart.Chart) []string {
	var missing []string
	for _, d := range c.Metadata.Dependencies {
		named := func(sub *chart.Chart) bool { return sub.Name() == d.Name }
		if !slices.ContainsFunc(c.Dependencies(), named) {
			missing = append(missing, d.Name)
		}
	}
	return missing
}

func (l *loaded) compileSchemas(c *chart.Chart) error {
	if c.Schema != nil {
		s, err := compileSchema(c.Schema)
		if err != nil {
			return fmt.Errorf("%s/values.schema.json: %w", c.ChartFullPath(), err)
		}
		l.schemas[string(c.Schema)] = s
	}
	for _, sub := range c.Dependencies() {
		if err := l.compileSchemas(sub); err != nil {
			return err
		}
	}
	return nil
}

// copyForRender copies what Helm changes while it works out dependencies: the tree of charts, and each one's list of
// dependencies. Values are only ever replaced as a whole, and files never change.
func copyForRender(c *chart.Chart) *chart.Chart {
	out := *c
	metadata := *c.Metadata
	metadata.Dependencies = slices.Clone(c.Metadata.Dependencies)
	for i, d := range metadata.Dependencies {
		dependency := *d
		metadata.Dependencies[i] = &dependency
	}
	out.Metadata = &metadata
	subcharts := make([]*chart.Chart, len(c.Dependencies()))
	for i, sub := range c.Dependencies() {
		subcharts[i] = copyForRender(sub)
	}
	out.SetDependencies(subcharts...)
	return &out
}

// noFetch refuses to load a schema from elsewhere: rendering does no I/O.
type noFetch struct{}

func (noFetch) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil // as Helm: a name that it cannot resolve allows everything
	}
	return nil, errors.New("a schema may refer only to itself")
}

var _ jsonschema.URLLoader = noFetch{}
