package generator

import (
	"slices"

	"cutover/gitops/estate"
)

// Sources lists the files of the values repository that the pipelines of a service's stack are made from, sorted. What
// stands in a values file is not among them: pipelines name values files, and do not read them. But one that does not
// exist is: when it comes to be, the pipelines change.
func Sources(e *estate.Estate, s estate.Service, st estate.ServiceStack) []string {
	paths := []string{"cutover.yaml", s.Path + "/service.yaml"}
	for _, f := range []estate.ValuesFile{s.Shared, st.Values} {
		if !f.Exists() {
			paths = append(paths, f.Path)
		}
	}
	for _, name := range st.Pipelines {
		if t, ok := e.Template(name); ok && t.From.Kind == estate.FromPath {
			paths = append(paths, t.Path)
		}
	}
	if p, ok := e.Product(s.Product); ok {
		stack, _ := p.Stack(st.Name)
		if m, ok := e.Migration(stack.Migration); ok {
			paths = append(paths, m.Path+"/migration.yaml", m.StacksPath())
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Reaches tells whether a change of the given paths may change a stack's pipelines, which were made from the estate
// before it, and would be made from the one after it. What is read through symbolic links may change any.
func Reaches(before, after *estate.Estate, product estate.ProductName, stack estate.StackName, changed []string) bool {
	for _, e := range []*estate.Estate{before, after} {
		if estate.Touches(e.Linked, changed) {
			return true
		}
		for _, s := range e.InStack(product, stack) {
			if st, ok := s.Stack(stack); ok && estate.Touches(Sources(e, s, st), changed) {
				return true
			}
		}
	}
	return false
}
