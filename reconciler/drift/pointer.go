package drift

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// pointer is a parsed path of a Rule.
type pointer []string

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func parsePointer(s string) (pointer, bool) {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok || rest == "" {
		return nil, false
	}
	segments := strings.Split(rest, "/")
	for i, segment := range segments {
		segments[i] = unescape.Replace(segment)
	}
	return segments, true
}

// covers tells whether the pointer leads to p or to something above it.
func (ptr pointer) covers(p fieldpath.Path) bool {
	return len(ptr) <= len(p) && ptr.along(p)
}

// within tells whether the pointer leads to something below p.
func (ptr pointer) within(p fieldpath.Path) bool {
	return len(ptr) > len(p) && ptr[:len(p)].along(p)
}

func (ptr pointer) along(p fieldpath.Path) bool {
	for i, segment := range ptr {
		if segment != "*" && !names(segment, p[i]) {
			return false
		}
	}
	return true
}

func names(segment string, e fieldpath.PathElement) bool {
	switch {
	case e.FieldName != nil:
		return segment == *e.FieldName
	case e.Key != nil:
		for _, f := range *e.Key {
			if segment == fmt.Sprint(f.Value.Unstructured()) {
				return true
			}
		}
		return false
	case e.Value != nil:
		return segment == fmt.Sprint((*e.Value).Unstructured())
	default:
		return e.Index != nil && segment == strconv.Itoa(*e.Index)
	}
}

// settle makes want agree with have wherever the pointer leads: what have lacks is taken out of want. It changes
// maps in place and returns the value, because a list may get shorter.
func (ptr pointer) settle(want, have any) any {
	switch want := want.(type) {
	case map[string]any:
		haveMap, _ := have.(map[string]any)
		ptr.settleMap(want, haveMap)
		return want
	case []any:
		haveList, _ := have.([]any)
		return ptr.settleList(want, haveList)
	default:
		return want
	}
}

func (ptr pointer) settleMap(want, have map[string]any) {
	segment, rest := ptr[0], ptr[1:]
	keys := []string{segment}
	if segment == "*" {
		keys = keys[:0]
		for k := range want {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		w, wanted := want[k]
		h, had := have[k]
		switch {
		case len(rest) > 0 && wanted:
			want[k] = rest.settle(w, h)
		case len(rest) > 0:
		case had:
			want[k] = runtime.DeepCopyJSONValue(h)
		default:
			delete(want, k)
		}
	}
}

func (ptr pointer) settleList(want, have []any) []any {
	segment, rest := ptr[0], ptr[1:]
	out := make([]any, 0, len(want))
	for i, w := range want {
		h := partner(w, i, have)
		switch {
		case segment != "*" && segment != strconv.Itoa(i) && segment != keyOf(w):
			out = append(out, w)
		case len(rest) > 0:
			out = append(out, rest.settle(w, h))
		case h != nil:
			out = append(out, runtime.DeepCopyJSONValue(h))
		}
	}
	return out
}

// partner finds the element of have that stands for w: by key if w has one, else by position.
func partner(w any, i int, have []any) any {
	if key := keyOf(w); key != "" {
		for _, h := range have {
			if keyOf(h) == key {
				return h
			}
		}
		return nil
	}
	if i < len(have) {
		return have[i]
	}
	return nil
}

// keyOf is what a person calls a list's element: a string itself, or the name that an object has.
func keyOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		for _, k := range []string{"name", "containerPort", "port", "topologyKey", "ip", "mountPath", "devicePath"} {
			if key, ok := v[k]; ok {
				return fmt.Sprint(key)
			}
		}
	}
	return ""
}
