package pipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/generator/pipeline"
)

func TestSame(t *testing.T) {
	tests := map[string]struct {
		want, have string
		same       bool
	}{
		"equal":                         {"{a: 1}", "{a: 1.0}", true},
		"stamps of a save":              {"{}", "{updateTs: '1', createTs: '1', lastModifiedBy: x, lastModified: 1, index: 3, regenerateCronTriggerIds: true}", true},
		"default schema":                {"{}", "{schema: '1'}", true},
		"other schema":                  {"{}", "{schema: v2}", false},
		"empty triggers":                {"{}", "{triggers: []}", true},
		"null is absent":                {"{a: {b: null, c: 1}, l: [{d: null}]}", "{a: {c: 1}, l: [{}]}", true},
		"name trimmed":                  {"{name: 'x '}", "{name: x}", true},
		"cron id that was made":         {"{triggers: [{type: cron}]}", "{triggers: [{type: cron, id: '1'}]}", true},
		"cron id that was set":          {"{triggers: [{type: cron, id: '2'}]}", "{triggers: [{type: cron, id: '1'}]}", false},
		"id of another kind":            {"{triggers: [{type: git}]}", "{triggers: [{type: git, id: '1'}]}", false},
		"managed user":                  {"{triggers: [{type: git}]}", "{triggers: [{type: git, runAsUser: x@managed-service-account}]}", true},
		"own user":                      {"{triggers: [{type: git}]}", "{triggers: [{type: git, runAsUser: root}]}", false},
		"disabled counts":               {"{}", "{disabled: true}", false},
		"locked counts":                 {"{}", "{locked: {ui: true}}", false},
		"spelEvaluator counts":          {"{spelEvaluator: v4}", "{}", false},
		"a stage's own index counts":    {"{stages: [{index: 1}]}", "{stages: [{index: 2}]}", false},
		"order of a list counts":        {"{l: [1, 2]}", "{l: [2, 1]}", false},
		"text is no number":             {"{a: '1'}", "{a: 1}", false},
		"id counts when it is set":      {"{id: a}", "{id: b}", false},
		"extra field of a live trigger": {"{triggers: [{type: git}]}", "{triggers: [{type: git, x: 1}]}", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want, have := parse(t, test.want), parse(t, test.have)
			if got := pipeline.Same(want, have); got != test.same {
				t.Errorf("Same = %v, want %v", got, test.same)
			}
			if diff := pipeline.Diff(want, have); (diff == "") != test.same {
				t.Errorf("Diff = %q, though Same = %v", diff, test.same)
			}
		})
	}
	want := parse(t, "{}")
	delete(want, "id")
	if !pipeline.Same(want, parse(t, "{id: made-by-front50}")) {
		t.Error("an id that is not set locally counts")
	}
}

func TestFirstDifference(t *testing.T) {
	for name, tt := range map[string]struct{ want, have, path string }{
		"none":             {"{stages: [{refId: a}], triggers: []}", "{stages: [{refId: a}], updateTs: '1'}", ""},
		"a value":          {"{stages: [{refId: a, waitTime: 1}]}", "{stages: [{refId: a, waitTime: 2}], zero: 1}", "stages[0].waitTime"},
		"a dropped field":  {"{cutover: {estate: e}, stages: []}", "{stages: []}", "cutover"},
		"an added field":   {"{stages: []}", "{stages: [], roles: [x]}", "roles"},
		"a dropped stage":  {"{stages: [{refId: a}, {refId: b}]}", "{stages: [{refId: a}]}", "stages[1]"},
		"another type":     {"{notify: {a: 1}}", "{notify: [1]}", "notify"},
		"list or not":      {"{notify: [1]}", "{notify: x}", "notify"},
		"value and object": {"{notify: x}", "{notify: {a: 1}}", "notify"},
	} {
		t.Run(name, func(t *testing.T) {
			want, have := parse(t, tt.want), parse(t, tt.have)
			if got := pipeline.FirstDifference(want, have); got != tt.path || (got == "") != pipeline.Same(want, have) {
				t.Errorf("got %q, want %q", got, tt.path)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	have := parse(t, "{stages: [{refId: a, type: wait, waitTime: 1000000}], updateTs: '1'}")
	want := parse(t, "{stages: [{refId: a, type: wait, waitTime: 2000000}]}")
	const golden = `--- gate
+++ generated
@@ -4,4 +4,4 @@
 stages:
   - refId: a
     type: wait
-    waitTime: 1000000
+    waitTime: 2000000
`
	if diff := cmp.Diff(golden, pipeline.Diff(want, have)); diff != "" {
		t.Errorf("diff (-want +got):\n%s", diff)
	}
}

func TestDiffHidesCredentials(t *testing.T) {
	document := func(secret string) pipeline.Document {
		return parse(t, strings.ReplaceAll(`
stages:
  - {password: HIDE, customHeaders: {Authorization: [Bearer HIDE]}, apiToken: 12HIDE, shown: ok}
  - {env: [{name: DB_PASSWORD, value: HIDE}, {name: HOST, value: db}], variables: [{key: token, value: HIDE}]}
  - {manifests: [{kind: Secret, data: {url: HIDE}}]}
parameterConfig: [{name: secretKey, default: HIDE}]
`, "HIDE", secret))
	}
	diff := pipeline.Diff(document("hunter2"), document("swordfish"))
	if diff == "" {
		t.Fatal("a changed secret is no difference")
	}
	for _, leak := range []string{"hunter2", "swordfish"} {
		if strings.Contains(diff, leak) {
			t.Errorf("diff shows %q:\n%s", leak, diff)
		}
	}
	for _, line := range []string{"-    password: <hidden", "+    password: <hidden"} {
		if !strings.Contains(diff, line) {
			t.Errorf("diff lacks %q:\n%s", line, diff)
		}
	}
}

func TestCanonical(t *testing.T) {
	d := parse(t, `{stages: [{url: "a<b>&c", n: 1.50, big: 123456789012}]}`)
	const golden = `{
  "application": "api",
  "id": "1",
  "name": "deploy",
  "stages": [
    {
      "big": 123456789012,
      "n": 1.5,
      "url": "a<b>&c"
    }
  ]
}
`
	if diff := cmp.Diff(golden, string(pipeline.Canonical(d))); diff != "" {
		t.Errorf("canonical (-want +got):\n%s", diff)
	}
}

func TestMark(t *testing.T) {
	mark := pipeline.Ownership{Estate: "e", Product: "orbit", Namespace: "core", Service: "api", Stack: "prod2", Template: "deploy"}
	plain := pipeline.Document{"name": "deploy"}
	marked, err := pipeline.Normalize(pipeline.Mark(plain, mark))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := pipeline.OwnedBy(marked); !ok || got != mark {
		t.Errorf("OwnedBy = %+v, %v", got, ok)
	}
	if len(plain) != 1 {
		t.Error("Mark changed its argument")
	}
	for name, d := range map[string]pipeline.Document{
		"none":       plain,
		"no object":  {"cutover": "yes"},
		"part of it": {"cutover": map[string]any{"estate": "e"}},
	} {
		if _, ok := pipeline.OwnedBy(d); ok {
			t.Errorf("%s: taken for ours", name)
		}
	}
}

func TestID(t *testing.T) {
	id := pipeline.ID("e", "api", "orbit/prod2/deploy")
	if want := "fb73a306-55aa-557e-9215-83ac100da1a9"; id != want {
		t.Errorf("ID = %s, want %s: ids must never change, or every pipeline is made anew", id, want)
	}
	if id == pipeline.ID("e", "ap", "iorbit/prod2/deploy") {
		t.Error("the border between application and key is lost")
	}
}
