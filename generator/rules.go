package generator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover/gitops/estate"
)

// rules are a migration's rewrite rules. The first rule that matches a value changes it; later rules do not see it,
// so that two rules for one place can never be applied on top of each other.
type rules struct {
	list []rule
	used map[int]bool // by index in list: the rule changed something
}

type rule struct {
	estate.Rewrite
	path []segment
}

// cursor is a rule on its way down a document.
type cursor struct {
	rule int
	rest []segment
}

func newRules(list []estate.Rewrite) (*rules, error) {
	r := &rules{used: make(map[int]bool)}
	for _, rewrite := range list {
		path, err := parsePath(rewrite.Path)
		if err != nil {
			return nil, err
		}
		r.list = append(r.list, rule{rewrite, path})
	}
	return r, nil
}

// start puts every rule at the document's root.
func (r *rules) start() []cursor {
	var cursors []cursor
	for i, rule := range r.list {
		cursors = append(cursors, cursor{i, rule.path})
	}
	return cursors
}

// down returns the rules that go on through a key or an element.
func down(cursors []cursor, matches func(segment) bool) []cursor {
	var next []cursor
	for _, c := range cursors {
		if len(c.rest) > 0 && matches(c.rest[0]) {
			next = append(next, cursor{c.rule, c.rest[1:]})
		}
	}
	return next
}

func downKey(cursors []cursor, key string) []cursor {
	return down(cursors, func(s segment) bool { return s.matchesKey(key) })
}

func downIndex(cursors []cursor, i int) []cursor {
	return down(cursors, func(s segment) bool { return s.matchesIndex(i) })
}

// match returns the first rule that ends here and matches the text, and what the text becomes.
func (r *rules) match(cursors []cursor, text string) (rule, string, bool) {
	for _, c := range cursors {
		if len(c.rest) > 0 {
			continue
		}
		if changed, ok := r.list[c.rule].apply(text); ok {
			r.used[c.rule] = true
			return r.list[c.rule], changed, true
		}
	}
	return rule{}, text, false
}

func (r rule) apply(text string) (string, bool) {
	switch {
	case r.Suffix != "":
		head, ok := strings.CutSuffix(text, r.Suffix)
		return head + r.With, ok
	case r.Prefix != "":
		tail, ok := strings.CutPrefix(text, r.Prefix)
		return r.With + tail, ok
	default:
		return r.With, r.Value != "" && text == r.Value
	}
}

// unused describes the rules that changed nothing.
func (r *rules) unused() []string {
	var out []string
	for i, rule := range r.list {
		if r.used[i] {
			continue
		}
		what, text := "suffix", rule.Suffix
		if rule.Prefix != "" {
			what, text = "prefix", rule.Prefix
		} else if rule.Suffix == "" {
			what, text = "value", rule.Value
		}
		out = append(out, fmt.Sprintf("rewrite rule %d (path %s, %s %s) matches nothing", i+1, rule.Path, what, text))
	}
	return out
}

// values are the new stack's values: those of the old stack's own file, rewritten, and those of the shared file that
// a rule changes, which the new file must override. Lists are replaced whole by Helm, so such a list comes whole.
func (r *rules) values(shared, own map[string]any) map[string]any {
	out, _ := r.rewrite(own, r.start()).(map[string]any)
	r.inherit(out, shared, r.start())
	return out
}

// rewrite returns a deep copy of v with the rules applied.
func (r *rules) rewrite(v any, cursors []cursor) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = r.rewrite(value, downKey(cursors, key))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = r.rewrite(value, downIndex(cursors, i))
		}
		return out
	case string:
		_, text, _ := r.match(cursors, v)
		return text
	default:
		return v
	}
}

// inherit adds to out what the rules change in the shared values and out does not override.
func (r *rules) inherit(out, shared map[string]any, cursors []cursor) {
	for _, key := range slices.Sorted(maps.Keys(shared)) {
		next := downKey(cursors, key)
		if len(next) == 0 {
			continue
		}
		own, overridden := out[key]
		if !overridden {
			if value, changed := r.changed(shared[key], next); changed {
				out[key] = value
			}
			continue
		}
		ownMap, ok := own.(map[string]any)
		sharedMap, ok2 := shared[key].(map[string]any)
		if ok && ok2 {
			r.inherit(ownMap, sharedMap, next)
		}
	}
}

// changed returns the least that must be written to override v as the rules change it.
func (r *rules) changed(v any, cursors []cursor) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		r.inherit(out, v, cursors)
		return out, len(out) > 0
	case []any:
		out, differs := make([]any, len(v)), false
		for i, element := range v {
			out[i] = r.rewrite(element, downIndex(cursors, i))
			differs = differs || r.touches(element, downIndex(cursors, i))
		}
		return out, differs
	case string:
		_, text, ok := r.match(cursors, v)
		return text, ok
	default:
		return v, false
	}
}

// touches tells whether a rule matches anything in v.
func (r *rules) touches(v any, cursors []cursor) bool {
	if len(cursors) == 0 {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if r.touches(value, downKey(cursors, key)) {
				return true
			}
		}
	case []any:
		for i, value := range v {
			if r.touches(value, downIndex(cursors, i)) {
				return true
			}
		}
	case string:
		_, _, ok := r.match(cursors, v)
		return ok
	}
	return false
}
