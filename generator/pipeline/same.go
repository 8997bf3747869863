package pipeline

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// stampedBySave are fields that Front50 writes on each save; they say nothing about what the pipeline does.
var stampedBySave = []string{"updateTs", "createTs", "lastModifiedBy", "lastModified", "index", "regenerateCronTriggerIds"}

// managedUser ends the name of a service account that Front50 makes for a pipeline's triggers by itself.
const managedUser = "@managed-service-account"

// Same tells whether Gate's document does what the wanted one says: they are equal but for what a save changes by
// itself. `disabled`, `locked` and `spelEvaluator` do count.
func Same(want, have Document) bool {
	want, have = compared(want, have)
	// Most are equal in every type, and then need not be written out.
	return reflect.DeepEqual(want, have) || bytes.Equal(Canonical(want), Canonical(have))
}

// FirstDifference returns the path of the first field in which the documents are not the Same, such as
// stages[0].waitTime, or "" if there is none. Fields come in the order of their names; values have to be as Normalize makes them.
func FirstDifference(want, have Document) string {
	want, have = compared(want, have)
	return firstDifference("", map[string]any(want), map[string]any(have))
}

func firstDifference(path string, want, have any) string {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return path
		}
		fields := maps.Clone(w)
		maps.Copy(fields, h)
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			below := strings.TrimPrefix(path+"."+key, ".")
			_, wanted := w[key]
			_, held := h[key]
			if wanted != held {
				return below
			}
			if at := firstDifference(below, w[key], h[key]); at != "" {
				return at
			}
		}
		return ""
	case []any:
		h, ok := have.([]any)
		if !ok {
			return path
		}
		for i := range min(len(w), len(h)) {
			if at := firstDifference(fmt.Sprintf("%s[%d]", path, i), w[i], h[i]); at != "" {
				return at
			}
		}
		if len(w) != len(h) {
			return fmt.Sprintf("%s[%d]", path, min(len(w), len(h)))
		}
		return ""
	}
	if want == have {
		return ""
	}
	return path
}

// compared returns copies of both documents without what a diff ignores.
func compared(want, have Document) (Document, Document) {
	w, h := stripped(want), stripped(have)
	if _, set := w["id"]; !set {
		delete(h, "id")
	}
	wantTriggers, _ := w["triggers"].([]any)
	haveTriggers, _ := h["triggers"].([]any)
	for i := range min(len(wantTriggers), len(haveTriggers)) {
		wt, ok := wantTriggers[i].(map[string]any)
		ht, ok2 := haveTriggers[i].(map[string]any)
		if ok && ok2 {
			dropMade(wt, ht)
		}
	}
	return w, h
}

// dropMade takes from a live trigger what Front50 made because the wanted one leaves it open.
func dropMade(want, have map[string]any) {
	if _, set := want["id"]; !set && have["type"] == "cron" {
		delete(have, "id")
	}
	user, _ := have["runAsUser"].(string)
	if _, set := want["runAsUser"]; !set && strings.HasSuffix(user, managedUser) {
		delete(have, "runAsUser")
	}
}

func stripped(d Document) Document {
	out := Document(withoutNull(map[string]any(d)).(map[string]any))
	for _, key := range stampedBySave {
		delete(out, key)
	}
	if out["schema"] == "1" {
		delete(out, "schema")
	}
	if triggers, ok := out["triggers"].([]any); ok && len(triggers) == 0 {
		delete(out, "triggers")
	}
	if name, ok := out["name"].(string); ok {
		out["name"] = strings.TrimSpace(name)
	}
	return out
}

// withoutNull copies a JSON value and drops the fields that are null, as Front50 does.
func withoutNull(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		if out == nil {
			out = map[string]any{}
		}
		for key, value := range v {
			if value == nil {
				delete(out, key)
				continue
			}
			out[key] = withoutNull(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = withoutNull(value)
		}
		return out
	default:
		return v
	}
}
