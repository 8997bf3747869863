package drift

import (
	"encoding/base64"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/runtime"

	"cutover/reconciler/object"
)

// serverFields of metadata are written by the API server only.
var serverFields = []string{"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}

// prepared returns what we would apply for a desired object before anything live is looked at: a member of the
// set, in the form in which the server stores it.
func prepared(o object.Object, set object.Set) object.Object {
	o = o.DeepCopy()
	strip(o.Object)
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[object.LabelPartOf] = set.ID()
	o.SetLabels(labels)
	if o.GroupVersionKind().GroupKind() == secretKind {
		encodeStringData(o.Object)
	}
	return o
}

// encodeStringData moves a Secret's stringData into data, as the server does: the field can be written, but
// never read.
func encodeStringData(secret map[string]any) {
	plain, ok := secret["stringData"].(map[string]any)
	delete(secret, "stringData")
	if !ok || len(plain) == 0 {
		return
	}
	data, ok := secret["data"].(map[string]any)
	if !ok {
		data = map[string]any{}
		secret["data"] = data
	}
	for k, v := range plain {
		if s, ok := v.(string); ok {
			data[k] = base64.StdEncoding.EncodeToString([]byte(s))
		}
	}
}

// canonical returns a copy in which equal values are written alike: 1000m and 1 of a CPU, an empty map and none.
// With strict, a field that the kind does not have is an error. A kind that is not known here keeps its values.
func canonical(o object.Object, strict bool) (map[string]any, error) {
	gvk := o.GroupVersionKind()
	if !builtin().Recognizes(gvk) {
		out := o.DeepCopy().Object
		strip(out)
		dropNulls(out)
		return out, nil
	}
	typed, err := builtin().New(gvk)
	if err != nil {
		return nil, err
	}
	convert := runtime.DefaultUnstructuredConverter
	if err := convert.FromUnstructuredWithValidation(o.Object, typed, strict); err != nil {
		return nil, fmt.Errorf("not a valid %s: %w", gvk.Kind, err)
	}
	out, err := convert.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	keep(out, o.Object)
	strip(out)
	fillDefaults(gvk.GroupKind(), out)
	return out, nil
}

func strip(o map[string]any) {
	delete(o, "status")
	if meta, ok := o["metadata"].(map[string]any); ok {
		for _, field := range serverFields {
			delete(meta, field)
		}
	}
}

// keep takes out of a converted value what its source does not have: zero values of Go structs.
func keep(converted, source any) {
	switch converted := converted.(type) {
	case map[string]any:
		source, _ := source.(map[string]any)
		maps.DeleteFunc(converted, func(k string, _ any) bool { v, ok := source[k]; return !ok || v == nil })
		for k, v := range converted {
			keep(v, source[k])
		}
	case []any:
		source, _ := source.([]any)
		for i, v := range converted {
			if i < len(source) {
				keep(v, source[i])
			}
		}
	}
}

// dropNulls takes out fields that are null: the server prunes them unless their schema says nullable, and then
// null still means that nothing is set.
func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, v any) bool { return v == nil })
		for _, child := range v {
			dropNulls(child)
		}
	case []any:
		for _, child := range v {
			dropNulls(child)
		}
	}
}
