package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
)

// smallEstate has two services, one of which has the new stack, and charts in the repository. It is built from
// files in the way that package values builds one, as far as rendering goes.
func smallEstate(t testing.TB, files map[string]string) *estate.Estate {
	t.Helper()
	product := estate.Must(estate.ParseProductName("orbit"))
	prod, prod2 := estate.Must(estate.ParseStackName("prod")), estate.Must(estate.ParseStackName("prod2"))
	eks := estate.Must(estate.ParseMigrationName("eks"))
	e := &estate.Estate{
		Products:   []estate.Product{{Name: product, Stacks: []estate.Stack{{Name: prod}, {Name: prod2, Migration: eks}}}},
		Migrations: []estate.Migration{{Name: eks, Path: "migrations/eks"}},
	}
	for _, c := range ownCharts(t) {
		c.From = estate.Source{Kind: estate.FromPath, Ref: "charts/" + c.Name.String()}
		for i, f := range c.Files {
			if text, ok := files[c.From.Ref+"/"+f.Path]; ok {
				c.Files[i].Data = []byte(text)
			}
		}
		e.Charts = append(e.Charts, c)
	}
	for _, name := range []string{"api", "web"} {
		s := estate.Service{ServiceID: estate.ServiceID{Product: product, Namespace: estate.Must(estate.ParseNamespaceName("core")), Name: estate.Must(estate.ParseServiceName(name))}}
		s.Path = "deploy-values/orbit/core/" + name
		read := func(file string) estate.ValuesFile {
			f := estate.ValuesFile{Path: s.Path + "/" + file}
			if text, ok := files[f.Path]; ok {
				f.Source = []byte(text)
			}
			return f
		}
		s.Shared = read("values.yaml")
		s.Stacks = []estate.ServiceStack{{Name: prod, Values: read("prod-values.yaml")}}
		if name == "api" {
			s.Stacks = append(s.Stacks, estate.ServiceStack{Name: prod2, Values: read("prod2-values.yaml")})
		}
		e.Services = append(e.Services, s)
	}
	return e
}

var smallFiles = map[string]string{
	"deploy-values/orbit/core/api/values.yaml":       "image: api",
	"deploy-values/orbit/core/api/prod-values.yaml":  "replicas: 2",
	"deploy-values/orbit/core/api/prod2-values.yaml": "replicas: 3",
	"deploy-values/orbit/core/web/values.yaml":       "image: web",
}

func TestReach(t *testing.T) {
	before := smallEstate(t, smallFiles)
	all := "core/api prod, core/api prod2, core/web prod"
	for path, want := range map[string]string{
		"deploy-values/orbit/core/api/values.yaml":       "core/api prod, core/api prod2",
		"deploy-values/orbit/core/api/prod-values.yaml":  "core/api prod",
		"deploy-values/orbit/core/api/prod2-values.yaml": "core/api prod2",
		"deploy-values/orbit/core/api/service.yaml":      "core/api prod, core/api prod2",
		"deploy-values/orbit/core/web/prod-values.yaml":  "core/web prod", // it does not exist yet
		"deploy-values/orbit/core/web/README.md":         "",
		"charts/workload/templates/deployment.yaml":      all,
		"charts/workload-other/Chart.yaml":               "",
		"cutover.yaml":                                   all,
		"migrations/eks/versions.yaml":                   "core/api prod2",
		"migrations/eks/stacks.yaml":                     "core/api prod2",
		"migrations/eks/phase.yaml":                      "",
		"pipeline-templates/deploy.yaml":                 "",
	} {
		if got := unitNames(manifest.Reach(before, before, []string{path})); got != want {
			t.Errorf("%s reaches %q, want %q", path, got, want)
		}
	}
	gone := smallEstate(t, smallFiles)
	gone.Services = gone.Services[:1]
	if got := unitNames(manifest.Reach(before, gone, []string{"deploy-values/orbit/core/web/service.yaml"})); got != "core/web prod" {
		t.Errorf("a service that is gone is not reached: %q", got)
	}
	linked := smallEstate(t, smallFiles)
	linked.Linked = []string{"base/", "deploy-values/orbit/core/shared"}
	for _, path := range []string{"base/values.yaml", "deploy-values/orbit/core/shared"} {
		if there, gone := unitNames(manifest.Reach(before, linked, []string{path})), unitNames(manifest.Reach(linked, before, []string{path})); there != all || gone != all {
			t.Errorf("%s, read through a link, reaches %q when the link comes and %q when it goes, want all", path, there, gone)
		}
	}
}

// Whatever file changes: a unit whose digest changed is one that Reach names.
func TestReachMissesNothing(t *testing.T) {
	before := smallEstate(t, smallFiles)
	changes := map[string]string{
		"charts/workload/values.yaml":                   "kind: Deployment",
		"charts/routing/templates/gateway.yaml":         "",
		"deploy-values/orbit/core/web/prod-values.yaml": "replicas: 9",
	}
	for path := range smallFiles {
		changes[path] = "image: other"
	}
	for path, text := range changes {
		files := map[string]string{path: text}
		for p, old := range smallFiles {
			if p != path {
				files[p] = old
			}
		}
		after := smallEstate(t, files)
		reached := manifest.Reach(before, after, []string{path})
		was, is := digests(t, before), digests(t, after)
		changed := 0
		for unit, digest := range is {
			if digest == was[unit] {
				continue
			}
			changed++
			if !slices.Contains(reached, unit) {
				t.Errorf("%s changes %v, which Reach does not name", path, unit)
			}
		}
		if changed == 0 {
			t.Errorf("%s changes nothing", path)
		}
	}
}

func TestSources(t *testing.T) {
	e := smallEstate(t, smallFiles)
	want := []string{
		"charts/routing/", "charts/workload/", "cutover.yaml",
		"deploy-values/orbit/core/api/prod2-values.yaml", "deploy-values/orbit/core/api/service.yaml", "deploy-values/orbit/core/api/values.yaml",
		"migrations/eks/migration.yaml", "migrations/eks/stacks.yaml", "migrations/eks/versions.yaml",
	}
	if diff := cmp.Diff(want, manifest.Sources(e, e.Services[0], e.Services[0].Stacks[1])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func digests(t testing.TB, e *estate.Estate) map[manifest.Unit]string {
	t.Helper()
	out := map[manifest.Unit]string{}
	for _, s := range e.Services {
		for _, st := range s.Stacks {
			in, err := manifest.NewInput(e, s, st, st.Version, cluster)
			if err != nil {
				t.Fatal(err)
			}
			out[manifest.Unit{Service: s.ServiceID, Stack: st.Name}] = in.Digest()
		}
	}
	return out
}

func unitNames(units []manifest.Unit) string {
	var names []string
	for _, u := range units {
		names = append(names, u.Service.Namespace.String()+"/"+u.Service.Name.String()+" "+u.Stack.String())
	}
	return strings.Join(names, ", ")
}
