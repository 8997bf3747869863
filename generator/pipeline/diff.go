package pipeline

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"go.yaml.in/yaml/v3"
)

// Diff shows what saving want over have would change, as a unified diff of YAML, or "" if they are the Same.
// Values of keys that look like credentials are shown as <hidden N>: equal values have equal numbers.
func Diff(want, have Document) string {
	if Same(want, have) {
		return ""
	}
	w, h := compared(want, have)
	mask := masker{}
	before := toYAML(mask.object(h))
	after := toYAML(mask.object(w))
	return udiff.Unified("gate", "generated", before, after)
}

func toYAML(v map[string]any) string {
	if len(v) == 0 {
		return "" // a pipeline that does not exist has no lines
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("pipeline: JSON value has no YAML: %v", err))
	}
	return out.String()
}

// masker hides credentials. It numbers the hidden values, so that a reader sees that one changed, not what it is.
type masker map[string]int

var credentialWords = []string{"password", "passwd", "token", "secret", "authorization", "credential", "apikey", "api_key", "api-key", "privatekey", "private_key"}

func looksSecret(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc(credentialWords, func(word string) bool { return strings.Contains(key, word) })
}

func (m masker) object(object map[string]any) map[string]any {
	named := false // {name: PASSWORD, value: ...}, as in env, headers and parameters
	for _, key := range []string{"name", "key"} {
		name, _ := object[key].(string)
		named = named || looksSecret(name)
	}
	kind, _ := object["kind"].(string)
	out := make(map[string]any, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) { // in order: numbers must not depend on the map's
		value := object[key]
		switch {
		case looksSecret(key),
			named && (key == "value" || key == "default"),
			kind == "Secret" && (key == "data" || key == "stringData"):
			out[key] = m.hide(value)
		default:
			out[key] = m.show(value)
		}
	}
	return out
}

func (m masker) show(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return m.object(v)
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = m.show(value)
		}
		return out
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v) // 1000000, not 1e+06
		}
	}
	return v
}

// hide replaces every value below a credential's key.
func (m masker) hide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out[key] = m.hide(v[key])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = m.hide(value)
		}
		return out
	case bool: // a switch such as skipSecrets: true says nothing
		return v
	default:
		text := fmt.Sprint(v)
		if _, seen := m[text]; !seen {
			m[text] = len(m) + 1
		}
		return fmt.Sprintf("<hidden %d>", m[text])
	}
}
