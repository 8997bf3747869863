package generator_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/generator"
	"cutover/gitops/estate"
)

func TestSources(t *testing.T) {
	e, _ := expand(t, exampleFiles(t))
	s, _ := e.Service(orbit, estate.Must(estate.ParseServiceName("api")))
	st, _ := s.Stack(prod2)
	want := []string{
		"cutover.yaml",
		"deploy-values/orbit/core/api/service.yaml",
		"migrations/eks/migration.yaml",
		"migrations/eks/stacks.yaml",
		"pipeline-templates/deploy.yaml",
	}
	if diff := cmp.Diff(want, generator.Sources(e, s, st)); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestReaches(t *testing.T) {
	before, _ := expand(t, exampleFiles(t))
	without := exampleFiles(t)
	const prodValues = "deploy-values/orbit/web/profile/prod-values.yaml"
	delete(without, prodValues)
	fewer, _ := expand(t, without)
	linked, _ := expand(t, exampleFiles(t))
	linked.Linked = []string{"base/deploy.yaml"}
	prod := estate.Must(estate.ParseStackName("prod"))
	for _, tt := range []struct {
		name          string
		before, after *estate.Estate
		stack         estate.StackName
		path          string
		want          bool
	}{
		{"the content of a values file", before, before, prod, prodValues, false},
		{"a values file comes to be", fewer, before, prod, prodValues, true},
		{"a values file goes", before, fewer, prod, prodValues, true},
		{"a template", before, before, prod2, "pipeline-templates/deploy.yaml", true},
		{"a service", before, before, prod2, "deploy-values/orbit/core/api/service.yaml", true},
		{"the estate", before, before, prod2, "cutover.yaml", true},
		{"the migration, for its own stack", before, before, prod2, "migrations/eks/migration.yaml", true},
		{"the migration, for another stack", before, before, prod, "migrations/eks/migration.yaml", false},
		{"the versions", before, before, prod2, "migrations/eks/versions.yaml", false},
		{"the marker", before, before, prod2, "migrations/eks/phase.yaml", false},
		{"what a new link leads to", before, linked, prod2, "base/deploy.yaml", true},
		{"what an old link led to", linked, before, prod2, "base/deploy.yaml", true},
		{"a page", before, before, prod2, "README.md", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := generator.Reaches(tt.before, tt.after, orbit, tt.stack, []string{tt.path}); got != tt.want {
				t.Errorf("Reaches(%s) = %v, want %v", tt.path, got, tt.want)
			}
		})
	}
}
