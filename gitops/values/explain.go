package values

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
)

// leaves yields the errors that say something: those which others only wrap. Alternatives (oneOf, anyOf) are
// one error, explained by their schema's errorMessage.
func leaves(e *jsonschema.ValidationError) iter.Seq[*jsonschema.ValidationError] {
	return func(yield func(*jsonschema.ValidationError) bool) { eachLeaf(e, yield) }
}

func eachLeaf(e *jsonschema.ValidationError, yield func(*jsonschema.ValidationError) bool) bool {
	switch e.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf:
		return yield(e)
	}
	if len(e.Causes) == 0 {
		return yield(e)
	}
	for _, c := range e.Causes {
		if !eachLeaf(c, yield) {
			return false
		}
	}
	return true
}

// complaint is what one validation error says to a person.
type complaint struct {
	place    []string    // path of keys and indexes
	messages []string    // about the place
	keys     [][2]string // keys of the place, each with a message of its own
	drop     [][]string  // paths that cannot be used
	parts    []string    // top keys of the file below which something is at fault
}

// of puts the complaint onto the lines of a document.
func (c complaint) of(d *document) []fault {
	var faults []fault
	prefix := ""
	if len(c.place) > 0 {
		prefix = display(c.place) + ": "
	}
	if len(c.place) > 0 && target(d.root).Kind == yaml.SequenceNode {
		prefix = display(append([]string{""}, c.place...)) + ": " // [0].until
	}
	for _, m := range c.messages {
		faults = append(faults, fault{d.line(c.place...), prefix + m})
	}
	for _, k := range c.keys {
		faults = append(faults, fault{d.keyLine(below(c.place, k[0])...), prefix + k[1]})
	}
	return faults
}

// explain turns a validation error into sentences. The words for patterns and alternatives come from the
// schema, where editors find them too.
func explain(s *schema, e *jsonschema.ValidationError) complaint {
	c := complaint{place: e.InstanceLocation}
	if len(c.place) > 0 {
		c.parts = c.place[:1]
	}
	part := s.at(e.SchemaURL)
	hint, _ := part["errorMessage"].(string)
	say := func(format string, args ...any) { c.messages = append(c.messages, fmt.Sprintf(format, args...)) }
	unusable := func() { c.drop = append(c.drop, c.place) }
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			c.keys = append(c.keys, [2]string{key, unknownKey(key, part, hint)})
			c.drop = append(c.drop, below(c.place, key))
		}
	case *kind.Required:
		for _, key := range k.Missing {
			say("missing key %q", key)
		}
		if len(c.place) == 0 {
			c.parts = k.Missing
		}
	case *kind.OneOf, *kind.AnyOf:
		say("%s", hint)
	case *kind.Type:
		say("%s", wrongType(k))
		unusable()
	case *kind.Enum:
		choices := make([]string, len(k.Want))
		for i, w := range k.Want {
			choices[i] = fmt.Sprint(w)
		}
		say("%s is not one of %s%s", show(k.Got), strings.Join(choices, ", "), suggest(fmt.Sprint(k.Got), choices))
		unusable()
	case *kind.Const:
		say("must be %s, not %s", show(k.Want), show(k.Got))
		unusable()
	case *kind.Pattern:
		say("%s %s", show(k.Got), hint)
		unusable()
	case *kind.Not:
		say("%s", hint)
		unusable()
	case *kind.Minimum:
		say("must be at least %s", k.Want.RatString())
		unusable()
	case *kind.Maximum:
		say("must be at most %s", k.Want.RatString())
		unusable()
	case *kind.MaxLength:
		say("is longer than %d characters", k.Want)
		unusable()
	case *kind.MinLength, *kind.MinProperties:
		say("is empty")
		unusable()
	case *kind.MinItems:
		if k.Got == 0 {
			say("is empty")
		} else {
			say("needs %d entries, has %d", k.Want, k.Got)
		}
	case *kind.MaxItems:
		say("has %d entries, %d are allowed", k.Got, k.Want)
	case *kind.UniqueItems:
		c.place = below(c.place, strconv.Itoa(k.Duplicates[1]))
		say("is in the list twice")
	default:
		say("%s", e.Error())
		unusable()
	}
	return c
}

func unknownKey(key string, part map[string]any, hint string) string {
	known := sortedKeys(part["properties"])
	if len(known) == 0 {
		return quote(key) + " " + hint
	}
	if near := suggest(key, known); near != "" {
		return "unknown key " + quote(key) + near
	}
	return "unknown key " + quote(key) + ": use " + strings.Join(known, ", ")
}

func wrongType(k *kind.Type) string {
	nouns := map[string]string{
		"object": "a mapping", "array": "a list", "string": "text", "null": "nothing",
		"number": "a number", "integer": "a whole number", "boolean": "true or false",
	}
	want, got := nouns[k.Want[0]], nouns[k.Got]
	switch {
	case k.Got == "null":
		return "is empty: it must be " + want
	case k.Want[0] == "string" && (k.Got == "number" || k.Got == "boolean"):
		return "must be text, not " + got + ": put it in quotes"
	}
	return "must be " + want + ", not " + got
}

func show(v any) string {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "://") && strings.Contains(v, "@") {
			return "a URL with credentials"
		}
		return quote(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "nothing"
	case []any:
		return "a list"
	}
	return "a mapping"
}

// display writes a path as people do: stacks.prod.pipelines[0].
func display(path []string) string {
	var out strings.Builder
	for i, step := range path {
		if _, err := strconv.Atoi(step); err == nil && i > 0 {
			out.WriteString("[" + step + "]")
			continue
		}
		if i > 0 {
			out.WriteByte('.')
		}
		out.WriteString(step[:min(len(step), longestWord)])
	}
	return out.String()
}

func below(path []string, step string) []string {
	return append(path[:len(path):len(path)], step)
}
