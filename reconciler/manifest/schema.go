package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"helm.sh/helm/v3/pkg/chart"
)

// ValuesError is one value that a chart's schema does not allow.
type ValuesError struct {
	Path    []string // keys and indexes that lead to the value
	Message string
}

// Error gives the path as people write it, and what is wrong with the value: env.LOG_LEVEL: unknown key.
func (e *ValuesError) Error() string {
	if len(e.Path) == 0 {
		return e.Message
	}
	return pathString(e.Path) + ": " + e.Message
}

// pathString joins keys with dots, and quotes those that hold one.
func pathString(path []string) string {
	var b strings.Builder
	for i, key := range path {
		if _, err := strconv.Atoi(key); err == nil {
			fmt.Fprintf(&b, "[%s]", key)
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		if strings.ContainsAny(key, ". []") {
			key = strconv.Quote(key)
		}
		b.WriteString(key)
	}
	return b.String()
}

// valuesSchema is a chart's values.schema.json: compiled, and as the JSON that it was, to look up what a message
// needs.
type valuesSchema struct {
	schema *jsonschema.Schema
	doc    any
}

const schemaURL = "file:///values.schema.json"

func compileSchema(text []byte) (*valuesSchema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noFetch{})
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(schemaURL)
	if err != nil {
		return nil, err
	}
	return &valuesSchema{compiled, doc}, nil
}

// validate checks the values of a chart and of its enabled subcharts. It returns every violation, sorted by path.
func (l *loaded) validate(c *chart.Chart, values map[string]any) []*ValuesError {
	var found []*ValuesError
	if s, ok := l.schemas[string(c.Schema)]; ok {
		found = s.validate(values)
	}
	for _, sub := range c.Dependencies() {
		switch v := values[sub.Name()].(type) {
		case nil:
		case map[string]any:
			for _, e := range l.validate(sub, v) {
				e.Path = append([]string{sub.Name()}, e.Path...)
				found = append(found, e)
			}
		default:
			found = append(found, &ValuesError{[]string{sub.Name()}, "must be a map: these are the values of a subchart"})
		}
	}
	return found
}

func (s *valuesSchema) validate(values map[string]any) []*ValuesError {
	err := s.schema.Validate(values)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		if err != nil {
			return []*ValuesError{{nil, err.Error()}}
		}
		return nil
	}
	var found []*ValuesError
	s.leaves(invalid, &found)
	slices.SortFunc(found, func(a, b *ValuesError) int {
		return strings.Compare(a.Error(), b.Error())
	})
	return slices.CompactFunc(found, func(a, b *ValuesError) bool { return a.Error() == b.Error() })
}

// leaves collects the violations at the ends of the tree: what is above them says only that something below failed.
func (s *valuesSchema) leaves(e *jsonschema.ValidationError, found *[]*ValuesError) {
	at := func(key, format string, args ...any) {
		*found = append(*found, &ValuesError{append(slices.Clone(e.InstanceLocation), key), fmt.Sprintf(format, args...)})
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			at(key, "unknown key%s", s.knownKeys(e.SchemaURL))
		}
		return
	case *kind.PropertyNames:
		// The library has the wrong place for this kind of error (it shares a slice), so only the key is told.
		*found = append(*found, &ValuesError{[]string{k.Property}, "not allowed as a key"})
		return
	case *kind.Required:
		for _, key := range k.Missing {
			at(key, "missing")
		}
		return
	}
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			s.leaves(cause, found)
		}
		return
	}
	*found = append(*found, &ValuesError{slices.Clone(e.InstanceLocation), describe(e.ErrorKind)})
}

func describe(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		if len(k.Want) == 1 && k.Want[0] == "null" {
			return "cannot be set together with the other values (kind, above all)"
		}
		want := slices.DeleteFunc(slices.Clone(k.Want), func(t string) bool { return t == "null" })
		return fmt.Sprintf("is %s, but must be %s%s", article(k.Got), article(strings.Join(want, " or ")), quoteHint(k))
	case *kind.FalseSchema:
		return "cannot be set together with the other values"
	default:
		return k.LocalizedString(message.NewPrinter(language.English))
	}
}

func quoteHint(k *kind.Type) string {
	if slices.Contains(k.Want, "string") && (k.Got == "number" || k.Got == "boolean") {
		return ": put it in quotes"
	}
	return ""
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// maxKnownKeys keeps a message readable: a longer list of keys helps nobody.
const maxKnownKeys = 16

// knownKeys lists the keys that the schema at a place allows, where they are few.
func (s *valuesSchema) knownKeys(location string) string {
	node, ok := lookUp(s.doc, location)
	if !ok {
		return ""
	}
	properties, _ := node["properties"].(map[string]any)
	keys := slices.Sorted(maps.Keys(properties))
	if len(keys) == 0 || len(keys) > maxKnownKeys {
		return ""
	}
	return ": known here are " + strings.Join(keys, ", ")
}

// lookUp follows the fragment of a schema's URL, a JSON pointer, to the place in the document.
func lookUp(doc any, location string) (map[string]any, bool) {
	_, fragment, _ := strings.Cut(location, "#")
	for part := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if part == "" {
			continue
		}
		key, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		switch node := doc.(type) {
		case map[string]any:
			doc = node[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(node) {
				return nil, false
			}
			doc = node[i]
		}
	}
	node, ok := doc.(map[string]any)
	return node, ok
}
