package generator_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/templates"
)

func pipelines(t testing.TB, e *estate.Estate, stack estate.StackName) []generator.Pipeline {
	t.Helper()
	list, err := generator.Pipelines(e, orbit, stack, options)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func canonical(list []generator.Pipeline) []byte {
	var out bytes.Buffer
	for _, p := range list {
		fmt.Fprintf(&out, "# %s\n%s", p, pipeline.Canonical(p.Document))
	}
	return out.Bytes()
}

func TestPipelinesOfExample(t *testing.T) {
	e, _ := expand(t, exampleFiles(t))
	useText(e, "deploy-canary", templateText(t, "deploy-canary"))
	list := pipelines(t, e, prod2)
	for _, p := range list {
		golden(t, fmt.Sprintf("pipelines/%s-%s.json", p.Service.Name, p.Template), pipeline.Canonical(p.Document))
		mark, ok := pipeline.OwnedBy(p.Document)
		want := pipeline.Ownership{Estate: "test", Product: "orbit", Namespace: p.Service.Namespace.String(), Service: p.Service.Name.String(), Stack: "prod2", Template: p.Template.String()}
		if !ok || mark != want {
			t.Errorf("%s: mark %+v, want %+v", p, mark, want)
		}
	}
	if len(list) != 5 {
		t.Errorf("%d pipelines, want 5", len(list))
	}
	again, _ := expand(t, exampleFiles(t))
	useText(again, "deploy-canary", templateText(t, "deploy-canary"))
	if !bytes.Equal(canonical(list), canonical(pipelines(t, again, prod2))) {
		t.Error("a second run gives other bytes")
	}
	for _, p := range pipelines(t, e, prod) {
		if !strings.Contains(string(pipeline.Canonical(p.Document)), `"main"`) {
			t.Errorf("%s: the values of prod stand on main", p)
		}
	}
}

func TestBuiltinDeploy(t *testing.T) {
	e, _ := expand(t, exampleFiles(t))
	useText(e, "deploy", templateText(t, "deploy"))
	for i := range e.Charts {
		if e.Charts[i].Name.String() == "workload" {
			e.Charts[i].From = estate.Source{Kind: estate.FromPath, Ref: "charts/workload"}
		} else {
			e.Charts[i].From = estate.Source{Kind: estate.FromOCI, Ref: "oci://charts.example.com:5000/team/routing:1.2.3"}
		}
	}
	for _, p := range pipelines(t, e, prod2) {
		if p.Service.Name.String() == "api" && p.Template.String() == "deploy" {
			golden(t, "pipelines/builtin-deploy.json", pipeline.Canonical(p.Document))
		}
	}
}

func templateText(t testing.TB, name string) string {
	t.Helper()
	text, ok := templates.Pipeline(name)
	if !ok {
		t.Fatalf("no built-in template %s", name)
	}
	return text
}

// useText replaces the text of a template in the estate.
func useText(e *estate.Estate, name, text string) {
	for i := range e.Templates {
		if e.Templates[i].Name.String() == name {
			e.Templates[i].Text = text
		}
	}
}
