package charts_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	docs  = "../docs/charts.md"
	begin = "<!-- made from charts/workload/values.schema.json by go test ./charts -update -->\n"
)

// TestDocs keeps the reference in docs/charts.md as the schema has it. What stands before the mark is written by
// hand.
func TestDocs(t *testing.T) {
	text := string(read(t, docs))
	hand, _, ok := strings.Cut(text, begin)
	if !ok {
		t.Fatalf("%s lacks the line %s", docs, begin)
	}
	want := hand + begin + reference(t)
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(want, text); diff != "" {
		t.Errorf("%s is not as the schema has it; go test ./charts -update writes it (-want +got):\n%s", docs, diff)
	}
}

func reference(t *testing.T) string {
	t.Helper()
	doc := schema(t)
	var defaults map[string]any
	if err := yaml.Unmarshal(read(t, "workload/values.yaml"), &defaults); err != nil {
		t.Fatal(err)
	}
	r := referenceWriter{definitions: doc["definitions"].(map[string]any)}
	r.table("Top level", doc, defaults)
	for _, name := range slices.Sorted(maps.Keys(r.definitions)) {
		if node := r.tabled(name); node != nil {
			r.table(name, node, nil)
		}
	}
	return r.out.String()
}

type referenceWriter struct {
	out         strings.Builder
	definitions map[string]any
}

func (r *referenceWriter) table(title string, node, defaults map[string]any) {
	fmt.Fprintf(&r.out, "\n### %s\n\n| value | type | default | meaning |\n|---|---|---|---|\n", title)
	r.rows("", node, defaults)
}

// rows writes a row for each property of an object, and below it those of the objects in it.
func (r *referenceWriter) rows(prefix string, node, defaults map[string]any) {
	properties, _ := node["properties"].(map[string]any)
	required, _ := node["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property := properties[name].(map[string]any)
		if len(property) == 0 || prefix == "patches." {
			continue // what it takes is Kubernetes' to say
		}
		fallback := ""
		if slices.Contains(required, any(name)) {
			fallback = "required"
		} else if v := defaults[name]; v != nil && !isEmpty(v) {
			text, _ := json.Marshal(v)
			fallback = "`" + string(text) + "`"
		}
		typ, description := r.describe(property)
		fmt.Fprintf(&r.out, "| `%s%s` | %s | %s | %s |\n", prefix, name, typ, fallback, description)
		r.rows(prefix+name+".", property, nil)
		if entry := entryOf(property); entry != nil {
			r.rows(prefix+name+".NAME.", entry, nil)
		}
	}
}

// tabled is the definition, or what its entries are, if it has a table of its own.
func (r *referenceWriter) tabled(name string) map[string]any {
	node := r.definitions[name].(map[string]any)
	if entry := entryOf(node); entry != nil {
		node = entry
	}
	for _, property := range asMap(node["properties"]) {
		if len(asMap(property)) > 0 {
			return node
		}
	}
	return nil
}

// describe gives a property's type and meaning; those of the definition that it refers to, where it has none.
func (r *referenceWriter) describe(node map[string]any) (typ, description string) {
	description, _ = node["description"].(string)
	ref, _ := node["$ref"].(string)
	if ref == "" {
		return typeOf(node), description
	}
	name := ref[strings.LastIndex(ref, "/")+1:]
	typ, meaning := r.describe(r.definitions[name].(map[string]any))
	if r.tabled(name) != nil {
		typ = "[" + name + "](#" + strings.ToLower(name) + ")"
	}
	return typ, cmp.Or(description, meaning)
}

// entryOf is the schema of a map's values, if they are objects.
func entryOf(node map[string]any) map[string]any {
	for _, entry := range asMap(node["patternProperties"]) {
		return asMap(entry)
	}
	if entry := asMap(node["additionalProperties"]); entry["properties"] != nil {
		return entry
	}
	return nil
}

func typeOf(node map[string]any) string {
	names, ok := node["enum"].([]any)
	if !ok {
		if names, ok = node["type"].([]any); !ok {
			names = []any{node["type"]}
		}
		if entry := asMap(node["additionalProperties"]); len(names) > 0 && names[0] == "object" && entry != nil && entry["properties"] == nil {
			return "map of " + typeOf(entry)
		}
	}
	var out []string
	for _, name := range names {
		if name != nil && name != "null" {
			out = append(out, fmt.Sprint(name))
		}
	}
	return strings.Join(out, ", ")
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func isEmpty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}
