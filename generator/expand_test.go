package generator_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cutover/generator"
	"cutover/gitops/estate"
)

func paths(files generator.Files) []string {
	var out []string
	for _, f := range files.Write {
		out = append(out, f.Path)
	}
	return out
}

func TestExpandExample(t *testing.T) {
	files := exampleFiles(t)
	before := read(t, files)
	expanded, out := expand(t, files)
	want := []string{
		"deploy-values/orbit/core/api/prod2-values.yaml",
		"deploy-values/orbit/core/match/prod2-values.yaml",
		"deploy-values/orbit/push/reminder/prod2-values.yaml",
		"deploy-values/orbit/web/profile/prod2-values.yaml",
		"migrations/eks/stacks.yaml",
	}
	if diff := cmp.Diff(want, paths(out)); diff != "" {
		t.Errorf("written files (-want +got):\n%s", diff)
	}
	if out.Remove != nil || out.Warnings != nil {
		t.Errorf("remove %v, warnings %v", out.Remove, out.Warnings)
	}
	for _, f := range out.Write {
		golden(t, f.Path, f.Data)
	}
	if after := read(t, files); !reflect.DeepEqual(before, after) {
		t.Error("Expand changed the estate that it was given")
	}
	commit(files, out)
	sameEstate(t, expanded, read(t, files))
	if _, again := expand(t, files); !reflect.DeepEqual(out, again) {
		t.Errorf("a second run writes something else:\n%s", cmp.Diff(out, again))
	}
}

// sameEstate checks that the estate that was read back is the one that Expand returned.
func sameEstate(t *testing.T, expanded, back *estate.Estate) {
	t.Helper()
	if !reflect.DeepEqual(expanded, back) {
		names := cmp.Exporter(func(reflect.Type) bool { return true })
		t.Errorf("the estate read back differs from the expanded one (-expanded +read):\n%s", cmp.Diff(expanded, back, names))
	}
}

// commit writes what Expand wants.
func commit(files fstest.MapFS, out generator.Files) {
	for _, path := range out.Remove {
		delete(files, path)
	}
	for _, f := range out.Write {
		files[f.Path] = &fstest.MapFile{Data: f.Data}
	}
}

func set(files fstest.MapFS, path, text string) { files[path] = &fstest.MapFile{Data: []byte(text)} }

func TestExpandAgain(t *testing.T) {
	files := exampleFiles(t)
	set(files, "migrations/eks/versions.yaml", "core/api: 1.4.2\n")
	_, out := expand(t, files)
	commit(files, out)

	// profile leaves the stack prod, match has no values of its own any more, and api gets a parameter.
	set(files, "deploy-values/orbit/web/profile/service.yaml", "class: stateless\nteam: web\nrepository: orbit/profile\nstacks: {dev: {pipelines: [deploy]}}\n")
	delete(files, "deploy-values/orbit/web/profile/prod-values.yaml")
	delete(files, "deploy-values/orbit/core/match/prod-values.yaml")
	const api = "deploy-values/orbit/core/api/service.yaml"
	set(files, api, strings.Replace(string(files[api].Data), `"#api-deploy"`, `"#api", limits: {most: 1000000, list: [a, null]}`, 1))

	expanded, out := expand(t, files)
	if want := []string{"deploy-values/orbit/core/match/prod2-values.yaml", "deploy-values/orbit/web/profile/prod2-values.yaml"}; !reflect.DeepEqual(out.Remove, want) {
		t.Errorf("remove %v, want %v", out.Remove, want)
	}
	commit(files, out)
	sameEstate(t, expanded, read(t, files))
	s, _ := expanded.Service(orbit, estate.Must(estate.ParseServiceName("api")))
	if st, _ := s.Stack(prod2); st.Version.String() != "1.4.2" {
		t.Errorf("api's version is %q, pinned was 1.4.2", st.Version)
	}
}

func TestExpandOverridesSharedValues(t *testing.T) {
	files := exampleFiles(t)
	const match = "deploy-values/orbit/core/match/"
	set(files, match+"values.yaml", string(files[match+"values.yaml"].Data)+"gateway: {hosts: [match.orbit.example.com]}\n")
	delete(files, "deploy-values/orbit/push/reminder/prod-values.yaml")
	expanded, out := expand(t, files)
	commit(files, out)
	const want = `resources: {requests: {cpu: "4", memory: 16Gi}}
# From values.yaml, as the migration's rewrite rules change it.
gateway:
  hosts: [match.eks.orbit.example.com]
`
	if diff := cmp.Diff(want, string(files[match+"prod2-values.yaml"].Data)); diff != "" {
		t.Errorf("match (-want +got):\n%s", diff)
	}
	if _, made := files["deploy-values/orbit/push/reminder/prod2-values.yaml"]; made {
		t.Error("a service without prod-values.yaml, and without anything to override, has got a file")
	}
	sameEstate(t, expanded, read(t, files))
}

func TestExpandRefuses(t *testing.T) {
	parse := func(s string) estate.StackName { return estate.Must(estate.ParseStackName(s)) }
	tests := map[string]struct {
		change func(*estate.Estate, *estate.Migration)
		want   string
	}{
		"unknown product": {
			func(_ *estate.Estate, m *estate.Migration) { m.Product = estate.Must(estate.ParseProductName("x")) },
			"migrations/eks/migration.yaml: product x is not in cutover.yaml",
		},
		"unknown stack": {
			func(_ *estate.Estate, m *estate.Migration) { m.From.Stack = parse("live") },
			"migrations/eks/migration.yaml: product orbit has no stack live in cutover.yaml",
		},
		"stack is taken": {
			func(_ *estate.Estate, m *estate.Migration) { m.To.Stack = parse("dev") },
			"migrations/eks/migration.yaml: product orbit has a stack dev already: give the new stack another name",
		},
		"service has the stack": {
			func(e *estate.Estate, _ *estate.Migration) {
				e.Services[0].Stacks = append(e.Services[0].Stacks, estate.ServiceStack{Name: prod2})
			},
			"deploy-values/orbit/core/api/service.yaml: stack prod2 is added by migration eks: remove it here",
		},
		"nothing to move": {
			func(e *estate.Estate, _ *estate.Migration) { e.Services = nil },
			"migrations/eks/migration.yaml: no service of product orbit has stack prod: there is nothing to move",
		},
		"bad path": {
			func(_ *estate.Estate, m *estate.Migration) { m.Rewrite[0].Path = "a[" },
			`migrations/eks/migration.yaml: values.rewrite: path "a[": write [*] for every element of a list, or [0] for the first`,
		},
		"cannot be rewritten": {
			func(e *estate.Estate, _ *estate.Migration) {
				e.Services[0].Stacks[1].Values.Source = []byte("gateway:\n  hosts: &h [a.orbit.example.com]\nother: *h\n")
			},
			"deploy-values/orbit/core/api/prod-values.yaml:3: cannot be rewritten in place: the rules match a value here that an anchor shares with a value that they do not match; write both values out",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := read(t, exampleFiles(t))
			m := e.Migrations[0]
			test.change(e, &m)
			_, files, err := generator.Expand(e, m)
			if err == nil || err.Error() != test.want {
				t.Errorf("error = %v\nwant    %s", err, test.want)
			}
			if files.Write != nil || files.Remove != nil {
				t.Error("files are returned with an error")
			}
		})
	}
}

func TestExpandWarnsOfUnusedRules(t *testing.T) {
	e := read(t, exampleFiles(t))
	m := e.Migrations[0]
	m.Rewrite = append(m.Rewrite, estate.Rewrite{Path: "gateway.host", Suffix: ".x", With: ".y"})
	_, files, err := generator.Expand(e, m)
	want := []string{"migrations/eks/migration.yaml: rewrite rule 2 (path gateway.host, suffix .x) matches nothing in product orbit"}
	if err != nil || !reflect.DeepEqual(files.Warnings, want) {
		t.Errorf("warnings = %q, %v; want %q", files.Warnings, err, want)
	}
}
