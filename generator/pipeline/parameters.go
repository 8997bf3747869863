package pipeline

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// parameterUse finds parameters["x"], parameters['x'] and parameters.x, of the pipeline or of its trigger. A name
// followed by "(" is a method of the map.
var parameterUse = regexp.MustCompile(`(^|[^\w.\]"']|\btrigger\??\.|\btrigger\[["'])parameters(?:["']\])?\??(?:\[\s*["']([^"']+)["']\s*\]|\.(\w+)(\(?))`)

// parameters checks that every parameter that an expression reads is declared: Spinnaker leaves an expression
// that fails as it stands, and would deploy the literal text.
func (c *checker) parameters() {
	known := make(map[string]bool)
	for i, p := range objects(c.document["parameterConfig"]) {
		name, _ := p["name"].(string)
		switch {
		case blank(name):
			c.add("parameter %d has no name", i+1)
		case known[name]:
			c.add("parameter %q is declared twice", name)
		}
		known[name] = true
	}
	for _, name := range unknown(known, without(c.document, "stages", "parameterConfig")) {
		c.add("reads parameter %q, which parameterConfig does not declare", name)
	}
	for _, s := range c.list {
		for _, name := range unknown(known, s.fields) {
			c.addStage(s, "reads parameter %q, which parameterConfig does not declare", name)
		}
	}
}

func without(d Document, keys ...string) map[string]any {
	out := maps.Clone(map[string]any(d))
	for _, key := range keys {
		delete(out, key)
	}
	return out
}

// unknown returns the names of the parameters that v's expressions read and that are not known, sorted.
func unknown(known map[string]bool, v any) []string {
	missing := make(map[string]bool)
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, value := range v {
				walk(k, value)
			}
		case []any:
			for _, value := range v {
				walk(key, value)
			}
		case string:
			// Outside ${ } only the field of stageEnabled and of a precondition is an expression.
			if !strings.Contains(v, "${") && key != "expression" {
				return
			}
			for _, use := range parameterUse.FindAllStringSubmatch(v, -1) {
				name, method := use[2]+use[3], use[4] != ""
				if !method && !known[name] {
					missing[name] = true
				}
			}
		}
	}
	walk("", v)
	return slices.Sorted(maps.Keys(missing))
}
