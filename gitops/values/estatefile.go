package values

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"cutover/charts"
	"cutover/gitops/estate"
	"cutover/templates"
)

const estatePath = "cutover.yaml"

type estateFile struct {
	Clusters  map[string]struct{ Account, Secrets string }
	Charts    map[string]struct{ From string }
	Templates map[string]struct{ From string }
	Products  map[string]struct {
		Stacks map[string]struct{ Cluster, Deploy string }
	}
}

// readEstate reads cutover.yaml, and the charts and templates that it names.
func (p *pass) readEstate() {
	if p.main = p.open(estatePath, estateKind); !p.main.sound() {
		if p.found[estatePath] == 0 {
			p.report(estatePath, 1, "file is missing: it names the clusters, charts, templates and products")
		}
		return
	}
	var content estateFile
	if err := p.main.decode(&content); err != nil {
		p.main.report(nil, "%s", err)
		return
	}
	p.readClusters(content)
	for _, name := range p.main.keys("charts") {
		if chart, ok := content.Charts[name]; ok {
			p.readChart(name, chart.From)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(content.Templates)) {
		p.readTemplate(name, content.Templates[name].From)
	}
	for _, name := range slices.Sorted(maps.Keys(content.Products)) {
		product := estate.Product{Name: parsed(estate.ParseProductName, name)}
		for stack, s := range content.Products[name].Stacks {
			if _, known := content.Clusters[s.Cluster]; !known && s.Cluster != "" && p.main.knows("clusters") {
				p.main.report([]string{"products", name, "stacks", stack, "cluster"}, "stack %s of product %s names cluster %s, which is not in clusters%s",
					stack, name, quote(s.Cluster), suggest(s.Cluster, slices.Collect(maps.Keys(content.Clusters))))
			}
			mode := estate.ByPipeline
			if s.Deploy == estate.Direct.String() {
				mode = estate.Direct
			}
			product.Stacks = append(product.Stacks, estate.Stack{
				Name: parsed(estate.ParseStackName, stack), Cluster: parsed(estate.ParseClusterName, s.Cluster), Deploy: mode,
			})
		}
		p.estate.Products = append(p.estate.Products, product)
	}
}

func (p *pass) readClusters(content estateFile) {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(content.Clusters)) {
		c := content.Clusters[name]
		if other, taken := owner[c.Account]; taken && c.Account != "" {
			p.main.report([]string{"clusters", name, "account"}, "cluster %s has the Spinnaker account %s, as cluster %s has: each cluster has its own", name, c.Account, other)
		}
		owner[c.Account] = name
		p.estate.Clusters = append(p.estate.Clusters, estate.Cluster{
			Name: parsed(estate.ParseClusterName, name), Account: c.Account, Secrets: c.Secrets,
		})
	}
}

func (p *pass) readChart(name, from string) {
	source, err := parseSource(from)
	chart := estate.Chart{Name: parsed(estate.ParseChartName, name), From: source}
	if err == nil {
		chart.Files, err = p.chartFiles(source)
	}
	if err != nil && from != "" {
		p.main.report([]string{"charts", name, "from"}, "chart %s: %w", name, err)
	}
	p.estate.Charts = append(p.estate.Charts, chart)
}

func (p *pass) chartFiles(source estate.Source) ([]estate.File, error) {
	switch source.Kind {
	case estate.FromBuiltin:
		files, ok := charts.Files(source.Ref)
		if !ok {
			return nil, fmt.Errorf("no chart named %s is built in: use one of %s", quote(source.Ref), strings.Join(charts.Names(), ", "))
		}
		return files, nil
	case estate.FromOCI:
		return nil, nil
	case estate.FromPath:
	}
	root, err := p.tree.find(source.Ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no directory %s", source.Ref)
	}
	if err != nil {
		return nil, err
	}
	if !root.isDir() {
		return nil, fmt.Errorf("%s is a file: name the chart's directory", source.Ref)
	}
	files, err := p.walk(source.Ref, "", []string{root.path})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(files, func(f estate.File) bool { return f.Path == "Chart.yaml" }) {
		return nil, fmt.Errorf("directory %s has no Chart.yaml", source.Ref)
	}
	return files, nil
}

// walk returns the files below root/dir by their paths from root. The real paths of the directories that it is
// in are given, so that a link back to one of them is no endless walk.
func (p *pass) walk(root, dir string, inside []string) ([]estate.File, error) {
	at, err := p.tree.find(path.Join(root, dir))
	if err != nil {
		return nil, err
	}
	entries, err := p.tree.list(at)
	if err != nil {
		return nil, err
	}
	var files []estate.File
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		full := path.Join(root, name)
		n, err := p.tree.find(full)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("symbolic link %s leads nowhere", full)
		}
		if err != nil {
			return nil, err
		}
		if !n.isDir() {
			c, err := p.load(full, rawKind)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", full, err)
			}
			files = append(files, estate.File{Path: name, Data: c.document.source})
			continue
		}
		if slices.Contains(inside, n.path) {
			return nil, fmt.Errorf("symbolic link %s leads back to a directory that it is in", full)
		}
		below, err := p.walk(root, name, append(inside[:len(inside):len(inside)], n.path))
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, nil
}

func (p *pass) readTemplate(name, from string) {
	source, err := parseSource(from)
	t := estate.Template{Name: parsed(estate.ParseTemplateName, name), From: source, Path: source.String()}
	if err == nil {
		t.Text, err = p.templateText(source)
	}
	if err != nil && from != "" {
		p.main.report([]string{"templates", name, "from"}, "template %s: %w", name, err)
	}
	p.estate.Templates = append(p.estate.Templates, t)
}

func (p *pass) templateText(source estate.Source) (string, error) {
	switch source.Kind {
	case estate.FromBuiltin:
		text, ok := templates.Pipeline(source.Ref)
		if !ok {
			return "", fmt.Errorf("no pipeline template named %s is built in: use one of %s", quote(source.Ref), strings.Join(templates.PipelineNames(), ", "))
		}
		return text, nil
	case estate.FromOCI:
		return "", errors.New("a template cannot come from a registry: name a file of this repository or builtin:NAME")
	case estate.FromPath:
	}
	c, err := p.load(source.Ref, rawKind)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no file %s", source.Ref)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", source.Ref, err)
	}
	if line, why := unreadable(c.document.source); why != "" {
		return "", fmt.Errorf("%s:%d: %s", source.Ref, line, why)
	}
	return string(c.document.source), nil
}

// parseSource reads PATH, builtin:NAME or oci://HOST/NAME:VERSION.
func parseSource(s string) (estate.Source, error) {
	if name, ok := strings.CutPrefix(s, "builtin:"); ok {
		if strings.ContainsAny(name, "./") {
			return estate.Source{}, fmt.Errorf("%s is no name of what is built in", quote(name))
		}
		return estate.Source{Kind: estate.FromBuiltin, Ref: name}, nil
	}
	if rest, ok := strings.CutPrefix(s, "oci://"); ok {
		host, name, _ := strings.Cut(rest, "/")
		image, version, _ := strings.Cut(name, ":")
		if host == "" || image == "" || version == "" || strings.ContainsAny(rest, "@ \t") {
			return estate.Source{}, errors.New("a chart in a registry is oci://HOST/NAME:VERSION, without credentials")
		}
		return estate.Source{Kind: estate.FromOCI, Ref: s}, nil
	}
	if strings.Contains(s, ":") {
		return estate.Source{}, errors.New("the source must be a path in this repository, builtin:NAME or oci://HOST/NAME:VERSION")
	}
	clean := path.Clean(s)
	if !fs.ValidPath(clean) || clean == "." {
		return estate.Source{}, fmt.Errorf("%s is not a path below the root of this repository", quote(s))
	}
	return estate.Source{Kind: estate.FromPath, Ref: clean}, nil
}
