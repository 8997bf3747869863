package sample_test

import (
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/sample"
	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// read returns the sample as the program reads it.
func read(t *testing.T) *estate.Estate {
	t.Helper()
	e, problems := values.Read(tree(sample.Files()))
	for _, p := range problems {
		t.Error(p)
	}
	if t.Failed() {
		t.FailNow()
	}
	return e
}

func tree(files []estate.File) fs.FS {
	fsys := fstest.MapFS{}
	for _, f := range files {
		fsys[f.Path] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

func TestFilesAreSorted(t *testing.T) {
	files := sample.Files()
	for i, f := range files[1:] {
		if files[i].Path >= f.Path {
			t.Errorf("%s comes after %s: paths must be sorted and unique", f.Path, files[i].Path)
		}
	}
	if diff := cmp.Diff(files, sample.Files()); diff != "" {
		t.Errorf("two calls differ:\n%s", diff)
	}
}

func TestCounts(t *testing.T) {
	e := read(t)
	prod := stackName(t, "prod")
	got := map[string]int{}
	namespaces := map[string]bool{}
	for _, s := range e.Services {
		namespaces[s.Namespace.String()] = true
		if _, ok := s.Stack(prod); !ok {
			got["without prod"]++
			continue
		}
		got[s.Class.String()]++
		if s.Class == estate.Exclusive {
			got["exclusive "+kind(s)]++
		}
	}
	got["services"] = len(e.Services)
	got["namespaces"] = len(namespaces)
	got["DNS records"] = len(e.Migrations[0].DNS)
	want := map[string]int{
		"services": 78, "namespaces": 6, "without prod": 4,
		"stateless": 52, "stateful-client": 1, "singleton": 1, "exclusive": 20,
		"exclusive CronJob": 14, "exclusive Deployment": 6,
		"DNS records": 8,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestDNS finds each record's host at exactly one stateless service.
func TestDNS(t *testing.T) {
	e := read(t)
	hosts := map[string]estate.Service{}
	for _, s := range e.InStack(e.Products[0].Name, stackName(t, "prod")) {
		st, _ := s.Stack(stackName(t, "prod"))
		gateway, _ := st.Values.Values["gateway"].(map[string]any)
		list, _ := gateway["hosts"].([]any)
		for _, host := range list {
			if other, taken := hosts[host.(string)]; taken {
				t.Errorf("%s: both %s and %s have it", host, other.Name, s.Name)
			}
			hosts[host.(string)] = s
		}
	}
	for _, record := range e.Migrations[0].DNS {
		if s, ok := hosts[record.Name+"."+record.Zone]; !ok || s.Class != estate.Stateless {
			t.Errorf("DNS record %s: no stateless service has the host", record.Name)
		}
	}
}

func TestVersions(t *testing.T) {
	e := read(t)
	var want []string
	for _, s := range e.InStack(e.Products[0].Name, stackName(t, "prod")) {
		want = append(want, s.Namespace.String()+"/"+s.Name.String())
	}
	versions := sample.Versions()
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(versions))); diff != "" {
		t.Errorf("services with a version (-want +got):\n%s", diff)
	}
	seen := map[estate.Version]string{}
	for _, service := range want {
		if other, taken := seen[versions[service]]; taken {
			t.Errorf("%s and %s both run %s: each service has a version of its own", other, service, versions[service])
		}
		seen[versions[service]] = service
	}
}

// TestExpand uses every rewrite rule, and finds nothing to warn of.
func TestExpand(t *testing.T) {
	e := read(t)
	_, files, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(files.Warnings) > 0 {
		t.Errorf("warnings: %q", files.Warnings)
	}
	if got, want := len(files.Write), 74+1; got != want { // a values file for each service, and stacks.yaml
		t.Errorf("%d files, want %d", got, want)
	}
}

// TestPipelines generates the pipelines of every stack, the repository's own template among them.
func TestPipelines(t *testing.T) {
	e := read(t)
	expanded, _, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	product := expanded.Products[0]
	got := map[string]int{}
	for _, stack := range product.Stacks {
		pipelines, err := generator.Pipelines(expanded, product.Name, stack.Name, generator.Options{
			Estate: "sample", Repository: "https://git.example.com/orbit/values.git",
		})
		if err != nil {
			t.Error(err)
		}
		got[stack.Name.String()] = len(pipelines)
	}
	// Ten services have a canary in production besides.
	want := map[string]int{"dev": 78, "qa": 78, "stage": 9, "prod": 74 + 10, "prod2": 74 + 10}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pipelines by stack (-want +got):\n%s", diff)
	}
}

func kind(s estate.Service) string {
	if kind, ok := s.Shared.Values["kind"].(string); ok {
		return kind
	}
	return "Deployment"
}

func stackName(t *testing.T, s string) estate.StackName {
	t.Helper()
	name, err := estate.ParseStackName(s)
	if err != nil {
		t.Fatal(err)
	}
	return name
}
