package manifest

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"cutover/gitops/estate"
)

// Unit is a service in a stack: what is rendered at once.
type Unit struct {
	Service estate.ServiceID
	Stack   estate.StackName
}

// Compare orders units by service, then stack.
func (u Unit) Compare(other Unit) int {
	return cmp.Or(u.Service.Compare(other.Service), cmp.Compare(u.Stack.String(), other.Stack.String()))
}

// estateFile is where charts and stacks are declared.
const estateFile = "cutover.yaml"

// Sources lists the paths in the values repository that the input of a service in a stack is read from, whether or
// not they exist; sorted. A path that ends in "/" stands for everything below it.
func Sources(e *estate.Estate, s estate.Service, st estate.ServiceStack) []string {
	paths := []string{estateFile, path.Join(s.Path, "service.yaml"), s.Shared.Path, st.Values.Path}
	for _, c := range e.Charts {
		if c.From.Kind == estate.FromPath {
			paths = append(paths, strings.TrimSuffix(c.From.Ref, "/")+"/")
		}
	}
	product, _ := e.Product(s.Product)
	stack, _ := product.Stack(st.Name)
	if m, ok := e.Migration(stack.Migration); ok {
		paths = append(paths, m.Path+"/migration.yaml", m.StacksPath(), m.VersionsPath())
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Reach lists the units that a change of the given paths may affect, in the estate before it or after it; sorted.
// They are candidates: only a unit whose digest changed has to be rendered. What is read through symbolic links may
// affect every unit.
func Reach(before, after *estate.Estate, changed []string) []Unit {
	units := map[Unit]bool{}
	linked := estate.Touches(before.Linked, changed) || estate.Touches(after.Linked, changed)
	for _, e := range []*estate.Estate{before, after} {
		for _, s := range e.Services {
			for _, st := range s.Stacks {
				if linked || estate.Touches(Sources(e, s, st), changed) {
					units[Unit{s.ServiceID, st.Name}] = true
				}
			}
		}
	}
	list := make([]Unit, 0, len(units))
	for u := range units {
		list = append(list, u)
	}
	slices.SortFunc(list, Unit.Compare)
	return list
}
