package generator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
)

// oneService is an estate in which only the service match has prod, with the template deploy of that text.
func oneService(t testing.TB, text string) *estate.Estate {
	t.Helper()
	e := read(t, exampleFiles(t))
	for _, s := range e.Services {
		if s.Name.String() == "match" {
			e.Services = []estate.Service{s}
		}
	}
	useText(e, "deploy", text)
	return e
}

// generate runs the template for match in prod.
func generate(t testing.TB, text string) (pipeline.Document, error) {
	t.Helper()
	list, err := generator.Pipelines(oneService(t, text), orbit, prod, options)
	if err != nil {
		return nil, err
	}
	return list[0].Document, nil
}

const header = "application: {{ .Service.Name }}\nname: x\n"

func TestTemplateErrors(t *testing.T) {
	const where = "orbit/core/match prod: "
	tests := map[string]struct{ text, want string }{
		"unknown function": {"a: 1\nb: {{ now }}\n", `pipeline-templates/deploy.yaml:2: ` + where + `function "now" not defined`},
		"not closed":       {"a: {{ if true }}\n", "pipeline-templates/deploy.yaml:2: " + where + "unexpected EOF"},
		"unknown field":    {"a: 1\nb: 2\nc: {{ .Service.Nam }}\n", "pipeline-templates/deploy.yaml:3: " + where + "at <.Service.Nam>: can't evaluate field Nam in type generator.serviceContext"},
		"missing parameter": {
			"a: 1\nb: {{ .Parameters.channel }}\n",
			`pipeline-templates/deploy.yaml:2: ` + where + `at <.Parameters.channel>: map has no entry for key "channel"`,
		},
		"fail":               {header + "{{ fail \"no such thing\" }}\n", "pipeline-templates/deploy.yaml:3: " + where + `at <fail "no such thing">: error calling fail: no such thing`},
		"nothing":            {"{{/* nothing */}}", "pipeline-templates/deploy.yaml: " + where + "the template gives nothing: a pipeline is an object"},
		"no object":          {"\n- a\n", "pipeline-templates/deploy.yaml:2: " + where + `a pipeline is an object (at line 2 of the output, which reads "- a")`},
		"two documents":      {"a: 1\n---\nb: 1\n", "pipeline-templates/deploy.yaml: " + where + "the template gives more than one YAML document: one template makes one pipeline"},
		"bad YAML in a loop": {header + "{{ range list 1 2 }}\nstage{{ . }}:\n{{- end }}\n  - {a: b\nc: d\n", `pipeline-templates/deploy.yaml:6: ` + where + `did not find expected ',' or '}' (at line 6 of the output, which reads "  - {a: b")`},
		"key twice":          {header + "{{ range list 1 2 }}\nsame: {{ . }}\n{{- end }}\n", `pipeline-templates/deploy.yaml:4: ` + where + `mapping key "same" already defined at line 4 (at line 5 of the output, which reads "same: 2")`},
		"key is no text":     {header + "1: a\n", `pipeline-templates/deploy.yaml:3: ` + where + `key 1 is no text: put it in quotes (at line 3 of the output, which reads "1: a")`},
		"binary":             {header + "a: !!binary aGk=\n", `pipeline-templates/deploy.yaml:3: ` + where + `JSON has no !!binary (at line 3 of the output, which reads "a: !!binary aGk=")`},
		"not a number":       {header + "a: .nan\n", `pipeline-templates/deploy.yaml: ` + where + `json: unsupported value: NaN`},
		"own id":             {header + "id: mine\n", "pipeline-templates/deploy.yaml:1: " + where + "id is set by the generator: remove it"},
		"other application":  {"application: other\nname: x\n", `pipeline-templates/deploy.yaml:1: ` + where + `application is "other": a service's pipelines belong to the application of its name, {{ .Service.Name }}`},
		"check of a stage": {
			header + "stages:\n{{- range list 1 2 }}\n  - refId: s{{ . }}\n    type: wait\n    waitTime: 1\n{{- end }}\n  - {refId: s1, type: wait, waitTime: 1}\n",
			`pipeline-templates/deploy.yaml:9: ` + where + `stage "s1": refId is used by stages 1 and 3`,
		},
		"reference to no service":  {header + `a: {{ pipelineID "api" "deploy" }}`, "pipeline-templates/deploy.yaml:3: " + where + `at <pipelineID "api" "deploy">: error calling pipelineID: product orbit has no service "api"`},
		"reference to no template": {header + `a: {{ pipelineID "match" "build" }}`, "pipeline-templates/deploy.yaml:3: " + where + `at <pipelineID "match" "build">: error calling pipelineID: service orbit/core/match has no pipeline "build" in stack "prod"`},
		"reference to no stack":    {header + `a: {{ pipelineID "match" "deploy" "qa" }}`, "pipeline-templates/deploy.yaml:3: " + where + `at <pipelineID "match" "deploy" "qa">: error calling pipelineID: service orbit/core/match has no pipeline "deploy" in stack "qa"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := generate(t, test.text)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTemplateBombs: each of these would take gigabytes or hours.
func TestTemplateBombs(t *testing.T) {
	tests := map[string]string{
		"output":         `{{ range 3000 }}{{ repeat 1000 "x" }}{{ end }}`,
		"empty loop":     `{{ range 1000000000 }}{{ end }}`,
		"nested loops":   `{{ range 10000 }}{{ range 10000 }}{{ end }}{{ end }}`,
		"recursion":      `{{ define "a" }}{{ template "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`,
		"repeat":         `{{ $x := repeat 1000000000 "x" }}`,
		"until":          `{{ $x := until 1000000000 }}`,
		"until backward": `{{ $x := until -1000000000 }}`,
		"seq":            `{{ $x := seq 1 1000000000 }}`,
		"indent":         `{{ $x := indent 1000000000 "x" }}`,
		"doubling":       `{{ $x := "xx" }}{{ range 64 }}{{ $x = print $x $x }}{{ end }}`,
		"replacing":      `{{ $x := repeat 1000000 "x" }}{{ $y := replace "x" $x $x }}`,
		"width":          `{{ $x := printf "%1000000000d" 1 }}{{ $x = repeat 100000 $x }}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := generate(t, header+text)
			if err == nil || !strings.HasPrefix(err.Error(), "pipeline-templates/deploy.yaml") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestTemplateFunctions(t *testing.T) {
	tests := map[string]string{
		`{{ keys (dict "b" 1 "a" 2) | join "," }}`:                                      "a,b",
		`{{ values (dict "b" 1 "a" 2) | join "," }}`:                                    "2,1",
		`"{{ range $i := until 3 }}{{ $i }}{{ end }}"`:                                  "012",
		`{{ range until -2 }}{{ . }}{{ end }}`:                                          "0-1",
		`{{ untilStep 0 10 4 | join "," }}`:                                             "0,4,8",
		`{{ seq 3 }}/{{ seq 2 4 }}/{{ seq 4 -2 0 }}/{{ seq 3 1 }}`:                      "1 2 3/2 3 4/4 2 0/3 2 1",
		`{{ "a,b" | replace "," "-" | quote }}`:                                         "a-b",
		`{{ indent 0 "x" }}{{ repeat 2 "y" }}{{ printf "%s" "z" }}`:                     "xyyz",
		`{{ .Service.Class }} {{ .Stack.Cluster }} {{ len .Charts }} {{ .Repository }}`: "singleton orbit-prod 2 https://git.example.com/values",
		`2020-01-01`: "2020-01-01",
		`{{ pipelineID "match" "deploy" "prod" | len }}`: "36",
	}
	for text, want := range tests {
		d, err := generate(t, header+"value: "+text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := fmt.Sprint(d["value"]); got != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
	}
}

func TestReference(t *testing.T) {
	e := oneService(t, header)
	again := oneService(t, header+`ref: {{ pipelineID "match" "deploy" }}`)
	list, self := pipelines(t, e, prod), pipelines(t, again, prod)
	if self[0].Document["ref"] != list[0].Document.ID() {
		t.Errorf("reference %v, id %s", self[0].Document["ref"], list[0].Document.ID())
	}
}

func TestOneErrorPerBrokenTemplate(t *testing.T) {
	e := read(t, exampleFiles(t))
	useText(e, "deploy", "{{")
	_, err := generator.Pipelines(e, orbit, prod, options)
	const want = "pipeline-templates/deploy.yaml:1: orbit/core/api and 3 more prod: unclosed action"
	if err == nil || strings.Split(err.Error(), "\n")[0] != want || strings.Count(err.Error(), "deploy.yaml") != 1 {
		t.Errorf("error = %v\nwant    %s", err, want)
	}
}

func TestSameNameTwice(t *testing.T) {
	e := oneService(t, "application: match\nname: Deploy\n")
	canary := estate.Must(estate.ParseTemplateName("deploy-canary"))
	st := &e.Services[0].Stacks[0]
	st.Pipelines = append(st.Pipelines, canary)
	useText(e, "deploy-canary", "application: match\nname: 'deploy '\n")
	_, err := generator.Pipelines(e, orbit, prod, options)
	const want = `orbit/core/match prod deploy and orbit/core/match prod deploy-canary both make the pipeline "deploy" of application "match": give one another name`
	if err == nil || err.Error() != want {
		t.Errorf("error = %v\nwant    %s", err, want)
	}
}

func TestPipelinesRefuses(t *testing.T) {
	e := read(t, exampleFiles(t))
	unknown := oneService(t, header)
	unknown.Templates = nil
	tests := map[string]struct {
		estate  *estate.Estate
		product estate.ProductName
		stack   estate.StackName
		options generator.Options
		want    string
	}{
		"no name":     {e, orbit, prod, generator.Options{}, "the estate has no name: it stands in every pipeline's mark and id"},
		"bad share":   {e, orbit, prod, generator.Options{Estate: "x", MaxDelete: 101}, "the largest share to delete is 101: use a percentage from 1 to 100"},
		"no product":  {e, estate.Must(estate.ParseProductName("x")), prod, options, "product x is not in cutover.yaml"},
		"no stack":    {e, orbit, prod2, options, "product orbit has no stack prod2"},
		"no template": {unknown, orbit, prod, options, "orbit/core/match prod: template deploy is not in cutover.yaml"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := generator.Pipelines(test.estate, test.product, test.stack, test.options)
			if err == nil || err.Error() != test.want {
				t.Errorf("error = %v, want %s", err, test.want)
			}
		})
	}
}

func TestCanaryIsRefusedWhereItWouldRunTwice(t *testing.T) {
	_, err := generate(t, templateText(t, "deploy-canary"))
	if err == nil || !strings.Contains(err.Error(), "a service of class singleton must not run twice") {
		t.Errorf("error = %v", err)
	}
}

// FuzzTemplateOutput: whatever a template says, the generator gives a checked document or an error, never a panic, and
// the document survives the way through Gate.
func FuzzTemplateOutput(f *testing.F) {
	for _, name := range []string{"deploy", "deploy-canary"} {
		f.Add(templateText(f, name))
	}
	for _, seed := range []string{
		header, header + "stages: [{refId: a, requisiteStageRefIds: [a]}]", header + "a: &a [*a]", header + "<<: {x: 1}", header + "? [a]\n: 1",
		header + "{{ range $i := until 3 }}k{{ $i }}: {{ $i }}\n{{ end }}", header + "expectedArtifacts: [{id: 1}]\nstages: [{inputArtifacts: [1]}]",
		"application: match\nname: x\nparameterConfig: [{name: {{ .Service.Class | quote }}}]", header + "triggers: [{}]\nx: '${parameters[\"y\"]}'",
	} {
		f.Add(seed)
	}
	e := oneService(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		useText(e, "deploy", text)
		list, err := generator.Pipelines(e, orbit, prod, options)
		if err != nil {
			return
		}
		d := list[0].Document
		back, err := pipeline.Normalize(d)
		if err != nil {
			t.Fatal(err)
		}
		if !pipeline.Same(d, back) || string(pipeline.Canonical(d)) != string(pipeline.Canonical(back)) {
			t.Fatalf("the document does not survive JSON: %s", pipeline.Canonical(d))
		}
		pipeline.Diff(d, nil)
	})
}
