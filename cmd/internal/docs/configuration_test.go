package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"cutover/cmd/internal/app"
)

const (
	configurationPage = "docs/configuration.md"
	tableBegins       = "<!-- The table is generated from cmd/internal/app by make golden. -->\n\n"
	tableEnds         = "\n<!-- The end of what is generated. -->\n"
)

// TestConfiguration holds the table of keys to the types, their comments, and what the program does without each key.
func TestConfiguration(t *testing.T) {
	page := read(t, configurationPage)
	before, rest, begins := strings.Cut(page, tableBegins)
	have, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s lacks a line %q or %q", configurationPage, tableBegins, tableEnds)
	}
	want := table(t)
	if *update {
		page = before + tableBegins + want + tableEnds + after
		if err := os.WriteFile(filepath.Join(root, configurationPage), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s is not what the types say (-want +got); run make golden:\n%s", configurationPage, diff)
	}
}

func table(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| key | default | secret | meaning |\n|---|---|---|---|\n")
	comments := commentsOf(t)
	for _, k := range keysOf(reflect.TypeFor[app.Config](), "") {
		meaning, otherwise := meaningOf(t, k, comments)
		secret := ""
		if k.field.Type == reflect.TypeFor[app.Secret]() {
			secret = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.path, without(t, k, otherwise), secret, meaning)
	}
	return b.String()
}

// key is one key of the configuration.
type key struct {
	path  string // such as clusters.NAME.context
	field reflect.StructField
	owner string // the type that has the field
}

// keysOf lists the keys of a struct and of what is below it, in their order.
func keysOf(of reflect.Type, prefix string) []key {
	var out []key
	for i := range of.NumField() {
		field := of.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if option == "inline" {
			out = append(out, keysOf(field.Type, prefix)...)
			continue
		}
		k := key{prefix + name, field, of.Name()}
		inner, below := field.Type, "."
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Map {
			inner, below = inner.Elem(), ".NAME."
		}
		isSection := inner.Kind() == reflect.Struct && inner != reflect.TypeFor[app.Secret]()
		if !isSection && field.Type.Kind() == reflect.Map {
			k.path += ".NAME"
		}
		out = append(out, k)
		if isSection {
			out = append(out, keysOf(inner, prefix+name+below)...)
		}
	}
	return out
}

// commentsOf reads the comments of the fields of package app, by type and field.
func commentsOf(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../app/*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						out[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return false
		})
	}
	return out
}

var (
	byDefault = regexp.MustCompile(` The default is (.*?)(;|\.(?: |$))`)
	pageName  = regexp.MustCompile(`docs/((?:[\w-]+/)*)([\w-]+)\.md`)
	numbered  = regexp.MustCompile(`^0*(\d+)-`)
)

// meaningOf makes a cell of a field's comment, and takes out what it says about the default.
func meaningOf(t *testing.T, k key, comments map[string]string) (meaning, otherwise string) {
	t.Helper()
	text := comments[k.owner+"."+k.field.Name]
	if text == "" {
		t.Errorf("%s.%s has no comment", k.owner, k.field.Name)
	}
	text, named := strings.CutPrefix(text, k.field.Name+" ")
	if !named {
		t.Errorf("the comment of %s.%s does not begin with the field's name", k.owner, k.field.Name)
	}
	for _, verb := range []string{"is ", "are "} {
		text = strings.TrimPrefix(text, verb)
	}
	if found := byDefault.FindStringSubmatchIndex(text); found != nil {
		otherwise = text[found[2]:found[3]]
		if text[found[4]:found[5]] == ";" {
			otherwise += ";" + strings.TrimSuffix(text[found[1]:], ".")
			text = text[:found[0]]
		} else {
			text = strings.TrimSpace(text[:found[0]] + " " + text[found[1]:])
		}
	}
	text = pageName.ReplaceAllStringFunc(text, func(path string) string {
		parts := pageName.FindStringSubmatch(path)
		name := "[" + parts[2] + "]"
		if n := numbered.FindStringSubmatch(parts[2]); n != nil {
			name = "[decision " + n[1] + "]"
		}
		return name + "(" + parts[1] + parts[2] + ".md)"
	})
	return strings.TrimSuffix(text, "."), otherwise
}

// bases are configurations that the program takes, and together have every key.
var bases = []string{
	full("token: {env: CUTOVER_DOCS}", "token: {env: CUTOVER_DOCS}"),
	full("tokenFile: token", "username: u, password: {env: CUTOVER_DOCS}"),
	full("appRole: {mount: a, roleID: b, secretID: {env: CUTOVER_DOCS}}", ""),
	full("kubernetes: {mount: a, role: b, jwtFile: c}", ""),
}

// full is a configuration with one of the ways to log in to Vault, and to what stands behind HTTP.
func full(vault, http string) string {
	return `listen: 127.0.0.1:80
state: s
repository: {url: "git@git.example.com:orbit/values.git", base: b, username: u, token: {env: CUTOVER_DOCS}, sshKey: {env: CUTOVER_DOCS}, knownHosts: k, poll: 1s, author: {name: n, email: e}}
webhook: {kind: gitea, secret: {env: CUTOVER_DOCS}}
clusters: {name: {kubeconfig: k, context: c}}
registry: {host: h, username: u, password: {env: CUTOVER_DOCS}, plainHTTP: [h]}
spinnaker: {gate: "http://gate.example.com", ui: "http://deck.example.com", spinConfig: s, email: e}
gitHost: {kind: github, url: "https://git.example.com", repository: a/b, username: u, token: {env: CUTOVER_DOCS}}
vault: {address: "https://vault.example.com", namespace: n, caFile: c, ` + vault + `, syncRoles: [auth/a/role/b]}
aws: {region: r, endpoint: "http://aws.example.com", policyQuota: 4096}
alertmanager: {url: "http://a.example.com", ` + http + `}
prometheus: {url: "http://p.example.com", ` + http + `}
haproxy: {proxies: {name: "10.0.0.1:99"}}
markers: {allowPush: true}
drift: {schedule: "@daily", repair: true, maxPrune: 1}
log: {level: warn, format: text}
`
}

// without tells what the program does if the key is not there: it refuses, or it takes a value.
func without(t *testing.T, k key, otherwise string) string {
	t.Helper()
	for _, base := range bases {
		load(t, base) // it is whole
		text, had := drop(t, base, strings.ReplaceAll(k.path, "NAME", "name"))
		if !had {
			continue
		}
		c, err := tryLoad(t, text)
		at := strings.TrimSuffix(k.path, ".NAME")
		switch {
		case err != nil && regexp.MustCompile(`: `+regexp.QuoteMeta(at)+`(\.\w+)?: is required(:|,|\n|$)`).MatchString(err.Error()):
			return "required"
		case otherwise != "":
			return otherwise
		case err != nil:
			return "none"
		}
		return shown(t, c, k)
	}
	t.Errorf("no configuration of this test has the key %s", k.path)
	return ""
}

// shown is the value that a key has.
func shown(t *testing.T, c app.Config, k key) string {
	t.Helper()
	at := reflect.ValueOf(c)
	for _, name := range strings.Split(k.path, ".") {
		for at.Kind() == reflect.Pointer && !at.IsNil() {
			at = at.Elem()
		}
		if at.Kind() == reflect.Pointer || at.Kind() == reflect.Map {
			return "none"
		}
		at = at.FieldByIndex(indexOf(t, at.Type(), name))
	}
	if at.Kind() == reflect.Pointer && !at.IsNil() {
		at = at.Elem()
	}
	switch d, isDuration := at.Interface().(app.Duration); {
	case isDuration:
		return "`" + strings.TrimSuffix(time.Duration(d).String(), "m0s") + "`"
	case at.Kind() == reflect.Struct && k.field.Type != reflect.TypeFor[app.Secret]():
		return "" // its keys have their own
	case at.Kind() == reflect.Bool, at.Kind() == reflect.Int, at.Kind() == reflect.String && at.String() != "":
		return fmt.Sprintf("`%v`", at.Interface())
	}
	return "none"
}

func indexOf(t *testing.T, of reflect.Type, name string) []int {
	t.Helper()
	for _, f := range reflect.VisibleFields(of) {
		if tagged, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tagged == name {
			return f.Index
		}
	}
	t.Fatalf("%s has no key %s", of, name)
	return nil
}

// drop takes a key out of a document, and tells whether it was there.
func drop(t *testing.T, text, path string) (string, bool) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	names, at := strings.Split(path, "."), document.Content[0]
	for n, name := range names {
		found := -1
		for i := 0; i < len(at.Content); i += 2 {
			if at.Content[i].Value == name {
				found = i
			}
		}
		switch {
		case found < 0:
			return "", false
		case n < len(names)-1:
			at = at.Content[found+1]
		default:
			at.Content = append(at.Content[:found], at.Content[found+2:]...)
		}
	}
	out, err := yaml.Marshal(&document)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), true
}

func load(t *testing.T, text string) app.Config {
	t.Helper()
	c, err := tryLoad(t, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func tryLoad(t *testing.T, text string) (app.Config, error) {
	t.Helper()
	t.Setenv("CUTOVER_DOCS", "x")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return app.Load(file)
}
