package spel

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const contextJSON = `{
	"parameters": {"version": "1.4.2", "valuesBranch": "main", "skip": "false", "count": 3},
	"trigger": {"type": "manual", "user": "ann", "payload": null},
	"execution": {"id": "01J", "stages": [{"name": "Bake", "status": "SUCCEEDED"}]},
	"empty": "", "yes": true, "replicas": 2
}`

func testEnv(tb testing.TB) Env {
	var values map[string]any
	if err := json.Unmarshal([]byte(contextJSON), &values); err != nil {
		tb.Fatal(err)
	}
	return Env{
		Lookup: func(name string) (any, bool) { v, ok := values[name]; return v, ok },
		Functions: map[string]func([]any) (any, error){
			"stage": func(arguments []any) (any, error) {
				if len(arguments) != 1 || arguments[0] != "Build image" {
					return nil, errors.New("no such stage")
				}
				return map[string]any{"outputs": map[string]any{"number": 17.0}, "status": "SUCCEEDED"}, nil
			},
		},
	}
}

func TestRender(t *testing.T) {
	env := testEnv(t)
	for _, tt := range []struct {
		text string
		want any
	}{
		{"no expression", "no expression"},
		{`${parameters["version"]}`, "1.4.2"},
		{`${parameters['version']}`, "1.4.2"},
		{`${parameters[version]}`, "1.4.2"},
		{`${ parameters.version }`, "1.4.2"},
		{`api-${parameters.version}-${replicas}`, "api-1.4.2-2"},
		{`${trigger["payload"]?.frozen != true}`, true},
		{`${trigger?.payload?.frozen ?: 'thawed'}`, "thawed"},
		{`${unknown ?: "fallback"}`, "fallback"},
		{`${empty ?: "fallback"}`, "fallback"},
		{`${parameters.version == "1.4.2" ? "same" : "other"}`, "same"},
		{`${parameters.skip == 'true'}`, false},
		{`${parameters.skip ? 1 : 2}`, 2.0},
		{`${replicas > 1 and replicas <= 2}`, true},
		{`${replicas gt 1 && !(replicas ne 2)}`, true},
		{`${not yes or false || yes}`, true},
		{`${"a" < "b"}`, true},
		{`${replicas + 1}`, 3.0},
		{`${replicas - 3 == -1}`, true},
		{`${"v" + parameters.count}`, "v3"},
		{`${"it''s " + 'it''s'}`, "it''s it's"},
		{`${#stage("Build image").outputs.number}`, 17.0},
		{`${#stage("Build image").status == "SUCCEEDED"}`, true},
		{`${execution.stages[0].name}`, "Bake"},
		{`${execution["stages"][0]["status"]}`, "SUCCEEDED"},
		{`${1.5}`, 1.5},
		{`{"braces": "${parameters["version"]}"}`, `{"braces": "1.4.2"}`},
		{`${"a } in a string"}`, "a } in a string"},
	} {
		got, failures := Render(tt.text, env)
		if diff := cmp.Diff(tt.want, got); diff != "" || len(failures) > 0 {
			t.Errorf("%s: %v\n%s", tt.text, failures, diff)
		}
	}
}

func TestRenderKeepsWhatFails(t *testing.T) {
	for text, reason := range map[string]string{
		`${unknown}`:                            "it evaluates to null",
		`${unknown.member}`:                     `property "member" of null`,
		`${trigger.payload.frozen}`:             `property "frozen" of null`,
		`${replicas.member}`:                    `property "member" of a number`,
		`${parameters`:                          "without its closing }",
		`${"open}`:                              "without its closing",
		`${}`:                                   "unexpected end",
		`${parameters.version.toUpperCase()}`:   `unexpected "("`,
		`${new java.util.UUID(1, 2)}`:           `unexpected "java"`,
		`${T(java.lang.Runtime).getRuntime()}`:  `unexpected "("`,
		`${#toInt("1")}`:                        "unknown function #toInt",
		`${#stage("Other")}`:                    "no such stage",
		`${execution.stages[7]}`:                "index 7 of a list of 1",
		`${execution.stages.?[name == 'Bake']}`: "a name must follow",
		`${replicas[0]}`:                        "index of a number",
		`${yes + replicas}`:                     "a boolean plus a number",
		`${"a" - 1}`:                            "a string minus a number",
		`${"a" > 1}`:                            "a string > a number",
		`${yes < yes}`:                          "a boolean < a boolean",
		`${-"a"}`:                               "minus a string",
		`${replicas ? 1 : 2}`:                   "a number is neither true nor false",
		`${1 2}`:                                `unexpected "2"`,
		`${1x}`:                                 "after a number",
		`${a.}`:                                 "a name must follow .",
		`${# }`:                                 "a function's name must follow #",
		`${a @ b}`:                              `unexpected '@'`,
		`${yes ? 1}`:                            "want :",
		`ok ${parameters.version} bad ${x.y}`:   "of null",
		"${" + strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000) + "}": "nested deeper",
		"${" + strings.Repeat("!", 1000) + "yes}":                                "nested deeper",
		"${1" + strings.Repeat("+1", 1000) + "}":                                 "nested deeper",
		"${a" + strings.Repeat("?.a", 1000) + "}":                                "nested deeper",
		"${" + strings.Repeat(" ", longestSource) + "1}":                         "longer than",
	} {
		got, failures := Render(text, testEnv(t))
		if got != text {
			t.Errorf("%.60s: rendered to %.60v, want it unchanged", text, got)
		}
		if len(failures) != 1 || !strings.Contains(failures[0].Reason, reason) {
			t.Errorf("%.60s: failures %.200v, want one with %q", text, failures, reason)
		}
	}
}

func TestRenderWalksValues(t *testing.T) {
	value := map[string]any{
		"list":  []any{"${replicas}", "${bad.expression}", 1.0, nil},
		"inner": map[string]any{"user": "${trigger.user}"},
	}
	got, failures := Render(value, testEnv(t))
	want := map[string]any{
		"list":  []any{2.0, "${bad.expression}", 1.0, nil},
		"inner": map[string]any{"user": "ann"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(failures) != 1 || failures[0].Expression != "${bad.expression}" {
		t.Errorf("failures = %v", failures)
	}
}

// FuzzSpEL looks for a text that makes the evaluator panic, or hang.
func FuzzSpEL(f *testing.F) {
	for _, seed := range []string{
		`${parameters["version"]}`, `a ${trigger?.payload?.x ?: 'y'} b`, `${#stage("Build image").outputs["n"]}`,
		`${yes ? replicas + 1 : -1}`, `${!(yes and not yes) || "a" lt 'b'}`, `${execution.stages[0].name == null}`, `${`, `$${}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, failures := Render(text, testEnv(t))
		if len(failures) > 0 && got != text {
			t.Errorf("%q failed and was changed to %v", text, got)
		}
	})
}
