package values

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"cutover/gitops/estate"
)

const (
	servicesDir   = "deploy-values"
	serviceLayout = "a service's files are in deploy-values/<product>/<namespace>/<service>"
	serviceFileAt = "service.yaml"
	sharedValues  = "values.yaml"
	stackValues   = "-values.yaml" // after the stack's name
)

type serviceFile struct {
	Class, Team, Repository string
	Stacks                  map[string]stackEntry
}

// stackEntry is a service's entry for a stack, in service.yaml and in stacks.yaml.
type stackEntry struct {
	Pipelines  []string
	Parameters map[string]any
}

// readServices reads deploy-values/<product>/<namespace>/<service>.
func (p *pass) readServices() {
	for _, productDir := range p.directories(servicesDir, serviceLayout) {
		product, ok := named(p, productDir, estate.ParseProductName)
		if !ok {
			continue
		}
		if _, known := p.estate.Product(product); !known && p.main.knows("products") {
			p.report(productDir, 1, "product %s is not in cutover.yaml%s", product, suggest(product.String(), p.main.keys("products")))
			continue
		}
		for _, namespaceDir := range p.directories(productDir, serviceLayout) {
			namespace, ok := named(p, namespaceDir, estate.ParseNamespaceName)
			if !ok {
				continue
			}
			for _, serviceDir := range p.directories(namespaceDir, serviceLayout) {
				if service, ok := named(p, serviceDir, estate.ParseServiceName); ok {
					p.readService(estate.ServiceID{Product: product, Namespace: namespace, Name: service}, serviceDir)
				}
			}
		}
	}
}

// named parses the name of a directory.
func named[N any](p *pass, dir string, parse func(string) (N, error)) (N, bool) {
	name, err := parse(path.Base(dir))
	if err != nil {
		p.report(dir, 1, "%s: rename the directory", err)
	}
	return name, err == nil
}

// directories returns the paths of the directories in dir. A YAML file beside them is a mistake, and layout says
// where it should be.
func (p *pass) directories(dir, layout string) []string {
	dirs, files := p.list(dir)
	for _, name := range files {
		if isYAML(name) {
			p.report(path.Join(dir, name), 1, "file is never read: %s", layout)
		}
	}
	for i, name := range dirs {
		dirs[i] = path.Join(dir, name)
	}
	return dirs
}

// list returns the names of the directories and of the files in dir, hidden ones left out. Both are empty if
// there is no such directory.
func (p *pass) list(dir string) (dirs, files []string) {
	at, err := p.tree.find(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !at.isDir() {
		err = errors.New("is a file, but a directory belongs here")
	}
	var entries []fs.DirEntry
	if err == nil {
		entries, err = p.tree.list(at)
	}
	if err != nil {
		p.reportError(dir, err)
		return nil, nil
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		n, err := p.tree.find(path.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			p.report(path.Join(dir, name), 1, "symbolic link leads nowhere")
		case err != nil:
			p.reportError(path.Join(dir, name), err)
		case n.isDir():
			dirs = append(dirs, name)
		default:
			files = append(files, name)
		}
	}
	return dirs, files
}

func isYAML(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// readService reads the directory of one service.
func (p *pass) readService(id estate.ServiceID, dir string) {
	dirs, files := p.list(dir)
	for _, name := range dirs {
		p.report(path.Join(dir, name), 1, "directory is never read: %s", serviceLayout)
	}
	generated := p.generatedValues(id.Product)
	if !slices.Contains(files, serviceFileAt) {
		// A service that main deleted leaves its generated files on the branch until they are generated again.
		if slices.ContainsFunc(files, func(name string) bool { return !slices.Contains(generated, name) }) || len(files)+len(dirs) == 0 {
			p.doubtful[unplaced(id)] = true
			p.report(path.Join(dir, serviceFileAt), 1, "file is missing: it says the service's class, team, repository and stacks")
		}
		return
	}
	service := estate.Service{ServiceID: id, Path: dir, Shared: p.readValues(dir, sharedValues)}
	f := p.open(path.Join(dir, serviceFileAt), serviceKind)
	if f == nil || len(f.faults) > 0 {
		p.doubtful[unplaced(id)] = true
	}
	if !f.sound() {
		for _, name := range files {
			if strings.HasSuffix(name, stackValues) && !slices.Contains(generated, name) {
				p.readValues(dir, name) // for its problems
			}
		}
		return
	}
	var content serviceFile
	if err := f.decode(&content); err != nil {
		f.report(nil, "%s", err)
		return
	}
	service.Team, service.Repository = content.Team, content.Repository
	service.Class, _ = estate.ParseClass(content.Class) // the schema has checked it
	service.Stacks = p.readStacks(f, id, content.Stacks)
	p.checkFiles(service, f, files, generated)
	if other, taken := p.estate.Service(id.Product, id.Name); taken {
		f.report(nil, "product %s has a service %s already, in namespace %s: the name must be unique, for it is also the service's Spinnaker application", id.Product, id.Name, other.Namespace)
	}
	p.estate.Services = append(p.estate.Services, service)
}

// unplaced is the id without its namespace: what a migration names a service by.
func unplaced(id estate.ServiceID) estate.ServiceID {
	id.Namespace = estate.NamespaceName{}
	return id
}

func (p *pass) readStacks(f *file, id estate.ServiceID, entries map[string]stackEntry) []estate.ServiceStack {
	product, known := p.estate.Product(id.Product)
	var stacks []estate.ServiceStack
	for key, entry := range entries {
		name := parsed(estate.ParseStackName, key)
		for i, pipeline := range entry.Pipelines {
			if t := parsed(estate.ParseTemplateName, pipeline); p.main.knows("templates") && pipeline != "" && !p.hasTemplate(t) {
				f.report([]string{"stacks", key, "pipelines", itoa(i)}, "pipeline %s is no template of cutover.yaml%s", quote(pipeline), suggest(pipeline, p.main.keys("templates")))
			}
		}
		if _, has := product.Stack(name); known && !has && p.main.knows("products") {
			f.reportKey([]string{"stacks", key}, "%s", p.noStack(product, key))
			continue
		}
		stacks = append(stacks, p.serviceStack(path.Dir(f.path), name, entry))
	}
	return stacks
}

func (p *pass) hasTemplate(name estate.TemplateName) bool {
	_, ok := p.estate.Template(name)
	return ok
}

// serviceStack makes a service's stack of an entry, with those pipelines whose template exists.
func (p *pass) serviceStack(dir string, name estate.StackName, entry stackEntry) estate.ServiceStack {
	s := estate.ServiceStack{
		Name: name, Parameters: entry.Parameters, Values: p.readValues(dir, name.String()+stackValues),
	}
	for _, pipeline := range entry.Pipelines {
		if t := parsed(estate.ParseTemplateName, pipeline); p.hasTemplate(t) {
			s.Pipelines = append(s.Pipelines, t)
		}
	}
	return s
}

// noStack says what to do about a stack that a service names and its product does not have.
func (p *pass) noStack(product estate.Product, stack string) string {
	for _, m := range p.migrations {
		if m.spec.Product == product.Name && m.spec.To.Stack.String() == stack {
			return "stack " + stack + " is added by " + m.spec.Path + ": remove it here, it is generated"
		}
	}
	return "product " + product.Name.String() + " has no stack " + quote(stack) + " in cutover.yaml" + suggest(stack, stackNames(product))
}

// generatedValues are the names of the values files that the product's migrations generate.
func (p *pass) generatedValues(product estate.ProductName) []string {
	var names []string
	for _, m := range p.migrations {
		if m.spec.Product == product {
			names = append(names, m.spec.To.Stack.String()+stackValues)
		}
	}
	return names
}

// checkFiles finds files of a service that would never be read.
func (p *pass) checkFiles(service estate.Service, f *file, files, generated []string) {
	expected := []string{serviceFileAt, sharedValues}
	for _, stack := range f.keys("stacks") {
		expected = append(expected, stack+stackValues)
	}
	product, _ := p.estate.Product(service.Product)
	names := stackNames(product)
	for _, name := range files {
		if !isYAML(name) || slices.Contains(expected, name) || slices.Contains(generated, name) {
			continue
		}
		stack, isValues := strings.CutSuffix(name, stackValues)
		at := path.Join(service.Path, name)
		switch {
		case isValues && (!f.knows("stacks") || !p.main.knows("products")): // the stack may be what is at fault
		case isValues && slices.Contains(names, stack):
			p.report(at, 1, "service %s has no stack %s: add it to service.yaml or delete this file", service.Name, stack)
		case isValues:
			p.report(at, 1, "file is never read, for product %s has no stack %s: rename or delete it%s", service.Product, quote(stack), suggest(stack, names))
		default:
			p.report(at, 1, "file is never read: rename or delete it%s", suggest(name, expected))
		}
	}
}

func stackNames(product estate.Product) []string {
	names := make([]string, len(product.Stacks))
	for i, s := range product.Stacks {
		names[i] = s.Name.String()
	}
	return names
}

// readValues reads a values file of a service. One that does not exist has only its path.
func (p *pass) readValues(dir, name string) estate.ValuesFile {
	v := estate.ValuesFile{Path: path.Join(dir, name)}
	f := p.open(v.Path, valuesKind)
	if f == nil {
		return v
	}
	v.Source, v.Values = f.source, f.values
	return v
}
