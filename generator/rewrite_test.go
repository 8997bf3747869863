package generator

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
)

// eks are the rules that the tests rewrite with.
var eks = []estate.Rewrite{
	{Path: "gateway.hosts[*]", Suffix: ".orbit.example.com", With: ".eks.orbit.example.com"},
	{Path: "env.*.value", Prefix: "http://old", With: "http://new"},
	{Path: `labels."a.b/c"`, Value: "old", With: "new: it's #1"},
	{Path: "list[1]", Value: "old", With: "new"},
	{Path: "note", Suffix: "old", With: "new"},
}

func TestRewrite(t *testing.T) {
	tests := map[string]struct{ own, want string }{
		"nothing to do":    {"a: 1 # one\n", "a: 1 # one\n"},
		"empty":            {"", ""},
		"only comments":    {"# nothing\n\n", "# nothing\n\n"},
		"plain":            {"gateway:\n  hosts:\n    - api.orbit.example.com   # main\n\n    - b.com\n", "gateway:\n  hosts:\n    - api.eks.orbit.example.com   # main\n\n    - b.com\n"},
		"flow":             {"gateway: {hosts: [a.orbit.example.com,b.orbit.example.com]}", "gateway: {hosts: [a.eks.orbit.example.com,b.eks.orbit.example.com]}"},
		"single quotes":    {"note: 'it''s old' # c\n", "note: 'it''s new' # c\n"},
		"double quotes":    {`note: "\u0061\"old"` + "\n", `note: "\u0061\"new"` + "\n"},
		"escaped suffix":   {`note: "\x6fld"` + "\n", `note: "new"` + "\n"},
		"literal":          {"note: |- # c\n    a\n\n    b old\nz: 1\n", "note: |- # c\n    a\n\n    b new\nz: 1\n"},
		"folded":           {"note: >-\n  a\n  old\n\n# c\nz: 1\n", "note: >-\n  a\n  new\n\n# c\nz: 1\n"},
		"literal at end":   {"note: |-\n  old", "note: |-\n  new"},
		"literal indented": {"note: |2-\n   old\n", "note: |2-\n   new\n"},
		"literal with end": {"note: |\n  old\n", "note: |\n  old\n"},
		"plain over lines": {"note: a\n  b\n  old\nz: 1\n", "note: a\n  b\n  new\nz: 1\n"},
		"needs quotes":     {"labels: {a.b/c: old}\n", "labels: {a.b/c: 'new: it''s #1'}\n"},
		"crlf":             {"gateway:\r\n  hosts: [a.orbit.example.com]\r\nz: 1\r\n", "gateway:\r\n  hosts: [a.eks.orbit.example.com]\r\nz: 1\r\n"},
		"multi-byte":       {"gateway: {\"é한\": 글, hosts: ['é.orbit.example.com', 😀.orbit.example.com]}\n", "gateway: {\"é한\": 글, hosts: ['é.eks.orbit.example.com', 😀.eks.orbit.example.com]}\n"},
		"byte order mark":  {"\ufeffnote: old\n", "\ufeffnote: new\n"},
		"unicode breaks":   {"a: b\u2028note: old\n", "a: b\u2028note: new\n"},
		"anchor and tag":   {"note: &n !!str old\nz: 1\n", "note: &n !!str new\nz: 1\n"},
		"anchor on a line": {"note: &n # c\n  old\n", "note: &n # c\n  new\n"},
		"alias":            {"x: &h\n  value: http://old/x\nenv: {A: *h, B: {value: http://older}}\nx2: 1\n", "error values.yaml:2"},
		"alias both match": {"env:\n  A: &a {value: http://old/x}\n  B: *a\n", "env:\n  A: &a {value: http://new/x}\n  B: *a\n"},
		"alias not match":  {"note: &n old\nother: *n\n", "error values.yaml:2"},
		"merge key":        {"env:\n  A: &a {value: http://old, secret: x}\n  B: {<<: *a, secret: y}\n  C: {<<: [*a], value: http://old/c}\n", "env:\n  A: &a {value: http://new, secret: x}\n  B: {<<: *a, secret: y}\n  C: {<<: [*a], value: http://new/c}\n"},
		"one element":      {"list: [old, old, old]\n", "list: [old, new, old]\n"},
		"not a text":       {"note: 12\nlist: [1, 2]\n", "note: 12\nlist: [1, 2]\n"},
		"empty value":      {"note:\ngateway:\n  hosts:\n", "note:\ngateway:\n  hosts:\n"},
		"document marks":   {"---\nnote: old\n...\n", "---\nnote: new\n...\n"},
		"keys keep order":  {"z: 1\nnote: old\na: 2\n", "z: 1\nnote: new\na: 2\n"},
		"key named alike":  {"old: old\nnote: old\n", "old: old\nnote: new\n"},
		"odd numbers":      {"a: 1e3\nb: .nan\nc: 0x1F\nd: 2020-01-01\nnote: old\n", "a: 1e3\nb: .nan\nc: 0x1F\nd: 2020-01-01\nnote: new\n"},
		"no mapping":       {"- a\n", "error values.yaml: line 1: the values are no mapping"},
		"two documents":    {"a: 1\n---\nb: 1\n", "error values.yaml: more than one YAML document"},
		"no YAML":          {"a: [\n", "error values.yaml: yaml:"},
		"key twice":        {"a: 1\na: 2\n", "error values.yaml: line 2: the key \"a\" stands here twice"},
		"keys alike":       {"0: a\n0.0: b\n", "error values.yaml: line 2: the key \"0\" stands here twice"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checkRewrite(t, "", test.own, test.want)
		})
	}
}

func TestRewriteOfSharedValues(t *testing.T) {
	const shared = `
gateway:
  hosts: [a.orbit.example.com, 'b.com', yes] # shared
  port: 80
note: old
env:
  URL: {value: http://old/shared, secret: no}
`
	const hosts = "hosts: [a.eks.orbit.example.com, 'b.com', yes]\n"
	tests := map[string]struct{ own, want string }{
		"no file": {"", overrideComment + "\ngateway:\n  " + hosts + "note: new\nenv:\n  URL:\n    value: http://new/shared\n"},
		"overridden": {
			"gateway: {hosts: []}\nnote: x\nenv: {URL: {value: y}}\n",
			"gateway: {hosts: []}\nnote: x\nenv: {URL: {value: y}}\n",
		},
		"overridden by nothing": {"gateway:\nnote:\nenv:\n", "gateway:\nnote:\nenv:\n"},
		"inside a mapping": {
			"gateway:\n    tls: true # c\n\n# note\nnote: x\nenv:\n",
			"gateway:\n    tls: true # c\n    " + overrideComment + "\n    " + hosts + "\n# note\nnote: x\nenv:\n",
		},
		"inside braces": {
			"gateway: {tls: true}\nnote: x\nenv: {}",
			"gateway: {tls: true, hosts: [a.eks.orbit.example.com, 'b.com', yes]}\nnote: x\nenv: {URL: {value: 'http://new/shared'}}",
		},
		"no newline at the end": {
			"note: x\nenv:\n  B:\n    value: c",
			"note: x\nenv:\n  B:\n    value: c\n  " + overrideComment + "\n  URL:\n    value: http://new/shared\n" + overrideComment + "\ngateway:\n  " + hosts,
		},
		"after a block scalar": {
			"gateway:\n  note: |\n    # text\n\nnote: x\nenv:\n",
			"gateway:\n  note: |\n    # text\n  " + overrideComment + "\n  " + hosts + "\nnote: x\nenv:\n",
		},
		"windows": {
			"note: x\r\nenv:\r\ngateway:\r\n  tls: {\r\n    a: b, # c\r\n  }\r\n",
			"note: x\r\nenv:\r\ngateway:\r\n  tls: {\r\n    a: b, # c\r\n  }\r\n  " + strings.ReplaceAll(overrideComment+"\n  "+hosts, "\n", "\r\n"),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checkRewrite(t, shared, test.own, test.want)
		})
	}
}

// checkRewrite rewrites own by the rules eks. A want that begins with "error " is how the error begins.
func checkRewrite(t *testing.T, shared, own, want string) {
	t.Helper()
	r, err := newRules(eks)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.file("shared.yaml", []byte(shared), "values.yaml", []byte(own))
	if prefix, ok := strings.CutPrefix(want, "error "); ok {
		if err == nil || !strings.HasPrefix(err.Error(), prefix) {
			t.Fatalf("error = %v, want %s...; text:\n%s", err, prefix, out)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestFirstRuleWins(t *testing.T) {
	r, err := newRules([]estate.Rewrite{
		{Path: "a", Suffix: "x", With: "xx"},
		{Path: "*", Suffix: "x", With: "xy"},
		{Path: "b[*].c", Value: "z", With: "no"},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.file("", nil, "values.yaml", []byte("a: x\nc: x\n"))
	if err != nil || string(out) != "a: xx\nc: xy\n" {
		t.Errorf("got %q, %v", out, err)
	}
	want := []string{"rewrite rule 3 (path b[*].c, value z) matches nothing"}
	if diff := cmp.Diff(want, r.unused()); diff != "" {
		t.Errorf("unused rules (-want +got):\n%s", diff)
	}
}

func TestParsePath(t *testing.T) {
	key := func(k string) segment { return segment{key: k, index: isKey, every: k == "*"} }
	tests := map[string][]segment{
		"a":                       {key("a")},
		"a.b-c.d_e":               {key("a"), key("b-c"), key("d_e")},
		"a[*].b[0][12]":           {key("a"), {every: true}, key("b"), {index: 0}, {index: 12}},
		"*.x":                     {key("*"), key("x")},
		`env."a.b".c`:             {key("env"), key("a.b"), key("c")},
		`"\"*"[*]`:                {key(`"*`), {every: true}},
		"":                        nil,
		".a":                      nil,
		"a.":                      nil,
		"a..b":                    nil,
		"a[":                      nil,
		"a[]":                     nil,
		"a[-1]":                   nil,
		"a[x]":                    nil,
		"a]":                      nil,
		`"a`:                      nil,
		`"a"b`:                    nil,
		"a[0]b":                   nil,
		"a[99999999999999999999]": nil,
	}
	for path, want := range tests {
		got, err := parsePath(path)
		if (err == nil) != (want != nil) {
			t.Errorf("%q: error = %v", path, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(segment{})); err == nil && diff != "" {
			t.Errorf("%q (-want +got):\n%s", path, diff)
		}
	}
}

// FuzzRewrite: whatever the files hold, the rewriter does not panic, and a text that it gives means, merged over the
// shared values, what the rules make of the old stack's merged values.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		"", "note: old", "gateway: {hosts: [a.orbit.example.com]}", "note: |-\n  old\n", "a: &a {note: old}\n<<: *a\n",
		"env: {A: {value: 'http://old'}}", "\ufeffnote: \"old\"\r\n", "? note\n: old", "note: >2-\n    old", "gateway: &x\n  hosts: !!seq\n  - x",
	} {
		f.Add("note: old\ngateway: {hosts: [a.orbit.example.com]}\n", seed)
		f.Add(seed, "gateway: {}\nenv:\n  B: 1\n")
	}
	f.Fuzz(func(t *testing.T, shared, own string) {
		r, err := newRules(eks)
		if err != nil {
			t.Fatal(err)
		}
		out, err := r.file("shared.yaml", []byte(shared), "values.yaml", []byte(own))
		if err != nil {
			return
		}
		read := func(text string) map[string]any {
			_, values, err := parseValues("values.yaml", []byte(text))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			return values
		}
		old := r.rewrite(mergeValues(read(shared), read(own)), r.start())
		if now := mergeValues(read(shared), read(string(out))); !equalYAML(old, now) {
			t.Fatalf("values differ (-want +got):\n%s\ntext:\n%s", cmp.Diff(old, any(now)), out)
		}
		again, err := r.file("shared.yaml", []byte(shared), "values.yaml", []byte(own))
		if err != nil || string(again) != string(out) {
			t.Fatalf("a second run gives another text (%v):\n%s\n%s", err, out, again)
		}
	})
}

// mergeValues merges values files as Helm does: mappings are merged, everything else is replaced.
func mergeValues(shared, own map[string]any) map[string]any {
	out := make(map[string]any)
	for key, value := range shared {
		out[key] = value
	}
	for key, value := range own {
		a, ok := out[key].(map[string]any)
		b, ok2 := value.(map[string]any)
		if ok && ok2 {
			value = mergeValues(a, b)
		}
		out[key] = value
	}
	return out
}
