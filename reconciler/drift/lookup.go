package drift

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// lookup returns the value at a path, or nil if there is none.
func lookup(v any, path fieldpath.Path) any {
	for _, e := range path {
		switch {
		case e.FieldName != nil:
			m, _ := v.(map[string]any)
			v = m[*e.FieldName]
		case e.Index != nil:
			list, _ := v.([]any)
			if *e.Index >= len(list) {
				return nil
			}
			v = list[*e.Index]
		default:
			v = element(v, e)
		}
	}
	return v
}

// element finds the element of a list that a path names by key or by value. A key that the element lacks has its
// default there, such as a port's protocol.
func element(v any, e fieldpath.PathElement) any {
	list, _ := v.([]any)
	for _, item := range list {
		m, isMap := item.(map[string]any)
		switch {
		case e.Value != nil && value.Equals(value.NewValueInterface(item), *e.Value):
			return item
		case e.Key != nil && isMap && hasKey(m, *e.Key):
			return item
		}
	}
	return nil
}

func hasKey(item map[string]any, key value.FieldList) bool {
	for _, f := range key {
		if v, ok := item[f.Name]; ok && !value.Equals(value.NewValueInterface(v), f.Value) {
			return false
		}
	}
	return true
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	default:
		return false
	}
}
