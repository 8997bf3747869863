package world

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// overlay writes a configuration over a live object, in place, as an apply does: a field that before, the same
// writer's last configuration, had and next has not goes, unless another writer's configuration has it, too. Lists
// are one value.
func overlay(live, before, next map[string]any, others []map[string]any) {
	for key, was := range before {
		if _, kept := next[key]; kept {
			continue
		}
		if !slices.ContainsFunc(others, func(o map[string]any) bool { _, has := o[key]; return has }) {
			delete(live, key)
			continue
		}
		// Somebody else has it as well, or something in it: only what is ours alone goes.
		if m, ok := was.(map[string]any); ok {
			if l, ok := live[key].(map[string]any); ok {
				overlay(l, m, nil, below(others, key))
			}
		}
	}
	for key, value := range next {
		m, isMap := value.(map[string]any)
		l, hasMap := live[key].(map[string]any)
		if !isMap || !hasMap {
			live[key] = copied(value)
			continue
		}
		was, _ := before[key].(map[string]any)
		overlay(l, was, m, below(others, key))
	}
}

func below(configs []map[string]any, key string) []map[string]any {
	var out []map[string]any
	for _, c := range configs {
		if m, ok := c[key].(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// common is what of a configuration still stands in the live object as it was written.
func common(config, live map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range config {
		have, ok := live[key]
		if !ok {
			continue
		}
		m, isMap := value.(map[string]any)
		l, hasMap := have.(map[string]any)
		switch {
		case isMap && hasMap:
			if c := common(m, l); len(c) > 0 || len(m) == 0 {
				out[key] = c
			}
		case reflect.DeepEqual(value, have):
			out[key] = value
		}
	}
	return out
}

func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = copied(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = copied(value)
		}
		return out
	default:
		return v
	}
}

func copiedMap(m map[string]any) map[string]any { return copied(m).(map[string]any) }

// fieldsOf writes a configuration as managedFields do.
func fieldsOf(config map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range config {
		m, ok := value.(map[string]any)
		if !ok {
			out["f:"+key] = map[string]any{}
			continue
		}
		out["f:"+key] = fieldsOf(m)
	}
	return out
}

// ownable is a configuration without what names the object.
func ownable(config map[string]any) map[string]any {
	out := maps.Clone(config)
	delete(out, "apiVersion")
	delete(out, "kind")
	delete(out, "status")
	if meta, ok := out["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		for _, key := range []string{"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
			delete(meta, key)
		}
		out["metadata"] = meta
	}
	return out
}

// managed tells who owns which fields.
func managed(configs map[string]map[string]any) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, manager := range slices.Sorted(maps.Keys(configs)) {
		if len(configs[manager]) == 0 {
			continue
		}
		raw, err := json.Marshal(fieldsOf(configs[manager]))
		if err != nil {
			panic(err) // maps of strings always encode
		}
		operation := metav1.ManagedFieldsOperationUpdate
		if manager == Manager {
			operation = metav1.ManagedFieldsOperationApply
		}
		out = append(out, metav1.ManagedFieldsEntry{
			Manager: manager, Operation: operation, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(raw)),
		})
	}
	return out
}
