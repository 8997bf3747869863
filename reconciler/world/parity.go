package world

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// parity: before more traffic moves, the new cluster runs the versions of the old one, it runs what the branch names, and
// the branch has the values that main has. What break-glass lets through may be ahead while it does.
func (j *judge) parity(w *World) {
	m := w.migration
	old, fresh := w.clusters[m.From.Cluster.String()], w.clusters[m.To.Cluster.String()]
	head := w.git.commits[w.git.branches[m.Branch]]
	j.values(w, head)
	for _, s := range w.estate.InStack(m.Product, m.From.Stack) {
		name := s.Name.String()
		if s.Class == estate.Exclusive || w.isOpen(name) {
			continue
		}
		was, is := old.objects[workloadOf(s)], fresh.objects[workloadOf(s)]
		if was == nil || is == nil {
			continue
		}
		version := versionOf(is.object)
		if v := versionOf(was.object); v != version && !j.unknown(was.since, believesVersions) {
			w.breach("parity", "%s runs %s in the old cluster and %s in the new one", name, v, version)
		}
		if j.excused(thingIn(fresh.name, name)) {
			continue
		}
		mark := pipeline.Ownership{Product: m.Product.String(), Service: name, Stack: m.To.Stack.String()}
		objects, _, err := w.render(head, mark, version)
		if err != nil {
			continue // the branch cannot be read: what it names is not known
		}
		for _, o := range objects {
			if object.RefOf(o).Key() == workloadOf(s) && containers(o) != containers(is.object) {
				w.breach("parity", "%s runs in the new cluster as git does not name it", name)
			}
		}
	}
}

// containers are what a workload runs, in a form that is equal only for equal ones.
func containers(o object.Object) string {
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	return fmt.Sprint(list)
}

// values: what people write below the services' directories is on the branch as it is on main.
func (j *judge) values(w *World, head *commit) {
	main := w.git.commits[w.git.branches[Main]]
	if j.unknown(main.When, believesBranch) {
		return
	}
	generated := "/" + w.migration.To.Stack.String() + "-values.yaml"
	for _, path := range differences(main.tree, head.tree) {
		service, ok := serviceAt(path)
		if !ok || strings.HasSuffix(path, generated) || w.isOpen(service) {
			continue
		}
		w.breach("parity", "%s is another on main than on %s", path, w.migration.Branch)
	}
}

// serviceAt is the service below whose directory a path is.
func serviceAt(path string) (string, bool) {
	parts := strings.Split(path, "/")
	if len(parts) < 5 || parts[0] != Generator.Estate || !slices.Contains([]string{"values.yaml", "prod-values.yaml"}, parts[4]) {
		return "", false
	}
	return parts[3], true
}
