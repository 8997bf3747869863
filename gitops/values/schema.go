package values

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schema/*.json
var schemaFiles embed.FS

// fileKind is a kind of file; those that have a schema are named after it.
type fileKind string

const (
	estateKind     fileKind = "estate"      // cutover.yaml
	serviceKind    fileKind = "service"     // service.yaml
	migrationKind  fileKind = "migration"   // migration.yaml
	phaseKind      fileKind = "phase"       // phase.yaml
	stacksKind     fileKind = "stacks"      // stacks.yaml
	versionsKind   fileKind = "versions"    // versions.yaml
	breakGlassKind fileKind = "break-glass" // break-glass.yaml
	valuesKind     fileKind = "values"      // values.yaml and <stack>-values.yaml: any mapping
	rawKind        fileKind = "raw"         // a template or a file of a chart: any bytes
)

// schemaKinds are the kinds that have a schema, sorted.
var schemaKinds = []fileKind{breakGlassKind, estateKind, migrationKind, phaseKind, serviceKind, stacksKind, versionsKind}

// SchemaNames lists the names that Schema knows, sorted.
func SchemaNames() []string {
	names := make([]string, len(schemaKinds))
	for i, k := range schemaKinds {
		names[i] = string(k)
	}
	return names
}

// Schema returns the JSON Schema (draft 2020-12) of the named kind of file: estate is that of cutover.yaml, and
// any other is that of the file of its name. The error for an unknown name lists the known ones.
func Schema(name string) ([]byte, error) {
	if !slices.Contains(schemaKinds, fileKind(name)) {
		return nil, fmt.Errorf("no schema is named %q: use one of %s", name, strings.Join(SchemaNames(), ", "))
	}
	return schemaFiles.ReadFile("schema/" + name + ".json")
}

// schema is a compiled JSON Schema and its text, which holds the words for a person.
type schema struct {
	compiled *jsonschema.Schema
	text     any
}

// schemas compiles the embedded schemas at their first use. They are part of the program, so that one which does
// not compile is a bug and a panic; a test compiles them.
var schemas = sync.OnceValue(func() map[fileKind]*schema {
	out := map[fileKind]*schema{}
	for _, k := range schemaKinds {
		data, err := Schema(string(k))
		if err != nil {
			panic(err)
		}
		text, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			panic(err)
		}
		compiler := jsonschema.NewCompiler()
		address := "cutover:///" + string(k) + ".json"
		if err := compiler.AddResource(address, text); err != nil {
			panic(err)
		}
		out[k] = &schema{compiler.MustCompile(address), text}
	}
	return out
})

// at returns the part of the schema's text at the location that a validation error names.
func (s *schema) at(location string) map[string]any {
	_, fragment, _ := strings.Cut(location, "#")
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		return nil
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	at := s.text
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch v := at.(type) {
		case map[string]any:
			if step != "" {
				at = v[unescape.Replace(step)]
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			at = v[i]
		}
	}
	part, _ := at.(map[string]any)
	return part
}

// conform checks the document against its schema, and takes out of it what is at fault.
func (d *document) conform(s *schema) {
	content, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.json))
	if err != nil {
		d.fail(1, err.Error())
		return
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(s.compiled.Validate(content), &invalid) {
		return
	}
	d.faulty = map[string]bool{}
	for leaf := range leaves(invalid) {
		complaint := explain(s, leaf)
		for _, f := range complaint.of(d) {
			d.fail(f.line, f.message)
		}
		for _, path := range complaint.drop {
			content = without(content, path)
		}
		for _, part := range complaint.parts {
			d.faulty[part] = true
		}
	}
	if content == nil {
		d.root = nil
	}
	rest, err := json.Marshal(content)
	if err != nil {
		d.fail(1, err.Error())
		return
	}
	d.json = rest
}

// without removes the value at a path. An element of a list becomes null, so that the others keep their index.
func without(content any, path []string) any {
	if len(path) == 0 {
		return nil
	}
	switch v := content.(type) {
	case map[string]any:
		if child, ok := v[path[0]]; ok {
			if v[path[0]] = without(child, path[1:]); len(path) == 1 {
				delete(v, path[0])
			}
		}
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i < len(v) {
			v[i] = without(v[i], path[1:])
		}
	}
	return content
}

func sortedKeys(v any) []string {
	m, _ := v.(map[string]any)
	return slices.Sorted(maps.Keys(m))
}
