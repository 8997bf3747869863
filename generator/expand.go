package generator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cutover/gitops/estate"
)

// Files are what Expand wants to stand in the values repository, on the migration's branch.
type Files struct {
	Write []estate.File // sorted by path; a file that is equal already need not be written
	// Remove are the paths of files that were generated earlier and are no longer wanted; sorted. A path may be
	// gone already: the generator cannot see the files of a service that left the estate.
	Remove []string
	// Warnings are sentences for the pull request, such as a rewrite rule that matches nothing.
	Warnings []string
}

// Expand adds the migration's new stack to its product, and to every service of the product that has the old one,
// and returns the files that say so. The estate that is read after the Files are committed is equal to the one that
// it returns; e itself stays as it is. All errors are joined; then there is no estate, and there are no files.
func Expand(e *estate.Estate, m estate.Migration) (*estate.Estate, Files, error) {
	out, product, err := withStack(e, m)
	if err != nil {
		return nil, Files{}, err
	}
	rules, err := newRules(m.Rewrite)
	if err != nil {
		return nil, Files{}, fmt.Errorf("%s/migration.yaml: values.rewrite: %w", m.Path, err)
	}
	var (
		files  Files
		listed []estate.ServiceID
		errs   []error
	)
	for i := range out.Services {
		s := &out.Services[i]
		if s.Product != product {
			continue
		}
		old, had := s.Stack(m.To.Stack)
		if had && !slices.Contains(m.Listed, s.ServiceID) {
			errs = append(errs, fmt.Errorf("%s/service.yaml: stack %s is added by migration %s: remove it here", s.Path, m.To.Stack, m.Name))
			continue
		}
		s.Stacks = slices.DeleteFunc(slices.Clone(s.Stacks), func(st estate.ServiceStack) bool { return st.Name == m.To.Stack })
		from, wanted := s.Stack(m.From.Stack)
		if !wanted {
			continue
		}
		st, err := newStack(rules, *s, from, m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		st.Version = old.Version
		s.Stacks = append(s.Stacks, st)
		listed = append(listed, s.ServiceID)
		if st.Values.Exists() {
			files.Write = append(files.Write, estate.File{Path: st.Values.Path, Data: st.Values.Source})
		}
	}
	if len(errs) == 0 && len(listed) == 0 {
		errs = append(errs, fmt.Errorf("%s/migration.yaml: no service of product %s has stack %s: there is nothing to move", m.Path, m.Product, m.From.Stack))
	}
	if len(errs) > 0 {
		return nil, Files{}, errors.Join(errs...)
	}
	out.Sort()
	slices.SortFunc(listed, estate.ServiceID.Compare)
	stacks, err := stacksFile(out, m, listed)
	if err != nil {
		return nil, Files{}, err
	}
	files.Write = append(files.Write, stacks)
	slices.SortFunc(files.Write, func(a, b estate.File) int { return cmp.Compare(a.Path, b.Path) })
	files.Remove = unwanted(e, m, files.Write)
	for _, warning := range rules.unused() {
		files.Warnings = append(files.Warnings, fmt.Sprintf("%s/migration.yaml: %s in product %s", m.Path, warning, m.Product))
	}
	setListed(out, m.Name, listed)
	return out, files, nil
}

// withStack returns a copy of e in which the migration's product has the new stack. The copy shares with e what
// Expand does not change.
func withStack(e *estate.Estate, m estate.Migration) (*estate.Estate, estate.ProductName, error) {
	out := *e
	out.Products, out.Services, out.Migrations = slices.Clone(e.Products), slices.Clone(e.Services), slices.Clone(e.Migrations)
	for i := range out.Services {
		out.Services[i].Stacks = slices.Clone(out.Services[i].Stacks)
	}
	for i := range out.Products {
		out.Products[i].Stacks = slices.Clone(out.Products[i].Stacks)
	}
	at := slices.IndexFunc(out.Products, func(p estate.Product) bool { return p.Name == m.Product })
	if at < 0 {
		return nil, m.Product, fmt.Errorf("%s/migration.yaml: product %s is not in cutover.yaml", m.Path, m.Product)
	}
	p := &out.Products[at]
	from, ok := p.Stack(m.From.Stack)
	if !ok {
		return nil, m.Product, fmt.Errorf("%s/migration.yaml: product %s has no stack %s in cutover.yaml", m.Path, m.Product, m.From.Stack)
	}
	if there, ok := p.Stack(m.To.Stack); ok && there.Migration != m.Name {
		return nil, m.Product, fmt.Errorf("%s/migration.yaml: product %s has a stack %s already: give the new stack another name", m.Path, m.Product, m.To.Stack)
	}
	p.Stacks = slices.DeleteFunc(p.Stacks, func(s estate.Stack) bool { return s.Name == m.To.Stack })
	p.Stacks = append(p.Stacks, estate.Stack{Name: m.To.Stack, Cluster: m.To.Cluster, Deploy: from.Deploy, Migration: m.Name})
	return &out, m.Product, nil
}

// newStack is the service's entry for the new stack.
func newStack(r *rules, s estate.Service, from estate.ServiceStack, m estate.Migration) (estate.ServiceStack, error) {
	st := estate.ServiceStack{
		Name:       m.To.Stack,
		Pipelines:  slices.Clone(from.Pipelines),
		Parameters: copyMap(from.Parameters),
		Values:     estate.ValuesFile{Path: s.Path + "/" + m.To.Stack.String() + "-values.yaml"},
	}
	text, err := r.file(s.Shared.Path, s.Shared.Source, from.Values.Path, from.Values.Source)
	if err != nil {
		return st, err
	}
	values := r.values(s.Shared.Values, from.Values.Values)
	switch {
	case len(values) > 0:
		st.Values.Values = values
	case from.Values.Exists():
		st.Values.Values = from.Values.Values // nil or empty, as it was read
	}
	if from.Values.Exists() || len(text) > 0 {
		st.Values.Source = append([]byte{}, text...) // not nil: the file exists, empty or not
	}
	return st, nil
}

// unwanted lists the files of services that the migration listed before and that Expand does not write now.
func unwanted(e *estate.Estate, m estate.Migration, written []estate.File) []string {
	keep := make(map[string]bool)
	for _, f := range written {
		keep[f.Path] = true
	}
	var paths []string
	for _, id := range m.Listed {
		dir := "deploy-values/" + id.String()
		if s, ok := e.Service(id.Product, id.Name); ok && s.ServiceID == id {
			st, _ := s.Stack(m.To.Stack)
			if dir = s.Path; !st.Values.Exists() {
				continue
			}
		}
		if path := dir + "/" + m.To.Stack.String() + "-values.yaml"; !keep[path] {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

func setListed(e *estate.Estate, name estate.MigrationName, listed []estate.ServiceID) {
	for i := range e.Migrations {
		if e.Migrations[i].Name == name {
			e.Migrations[i].Listed = listed
		}
	}
}

// copyMap is a deep copy of a JSON object.
func copyMap(v map[string]any) map[string]any {
	if v == nil {
		return nil
	}
	out := maps.Clone(v)
	for key, value := range out {
		out[key] = copyValue(value)
	}
	return out
}

func copyValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return copyMap(v)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = copyValue(element)
		}
		return out
	}
	return v
}
