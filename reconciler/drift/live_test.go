package drift_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"cutover/reconciler/object"
)

// objects reads YAML documents.
func objects(t testing.TB, text []byte) []object.Object {
	t.Helper()
	var out []object.Object
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		u := &unstructured.Unstructured{}
		switch err := d.Decode(u); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatal(err)
		}
		out = append(out, u)
	}
}

// store holds objects and their field owners as an API server would after our apply and other people's edits.
type store struct {
	t       testing.TB
	objects []object.Object
}

// apply stores objects as members of the set, every field owned by our field manager.
func (s *store) apply(objects []object.Object) {
	for _, o := range objects {
		o = o.DeepCopy()
		labels := o.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[object.LabelPartOf] = set.ID()
		o.SetLabels(labels)
		fields := s.fields(o)
		o.SetUID(types.UID("uid-of-" + o.GetName()))
		o.SetResourceVersion("7")
		own(s.t, o, policy.Manager, metav1.ManagedFieldsOperationApply, fields)
		s.objects = append(s.objects, o)
	}
}

// patch merges patches into the objects that they name. With a manager, what changes becomes its own; without
// one it is a default, which nobody owns.
func (s *store) patch(manager string, patches []object.Object) {
	for _, p := range patches {
		i := s.find(object.RefOf(p))
		if _, deleted := p.Object["$deleted"]; deleted {
			s.objects = append(s.objects[:i], s.objects[i+1:]...)
			continue
		}
		before := s.objects[i]
		after := merge(s.t, before, p)
		s.objects[i] = after
		if manager == "" {
			continue
		}
		c, err := s.typed(before).Compare(s.typed(after))
		if err != nil {
			s.t.Fatal(err)
		}
		taken := c.Added.Union(c.Modified)
		fields := after.GetManagedFields()
		for j := range fields {
			var held fieldpath.Set
			if err := held.FromJSON(fields[j].FieldsV1.GetRawReader()); err != nil {
				s.t.Fatal(err)
			}
			fields[j].FieldsV1 = encode(s.t, held.Difference(taken).Difference(c.Removed))
		}
		after.SetManagedFields(fields)
		own(s.t, after, manager, metav1.ManagedFieldsOperationUpdate, taken)
	}
}

func (s *store) find(ref object.Ref) int {
	for i, o := range s.objects {
		if object.RefOf(o).Key() == ref.Key() {
			return i
		}
	}
	s.t.Fatalf("no object %s to patch", ref)
	return 0
}

func (s *store) fields(o object.Object) *fieldpath.Set {
	set, err := s.typed(o).ToFieldSet()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range [][]any{{"apiVersion"}, {"kind"}, {"metadata", "name"}, {"metadata", "namespace"}, {"metadata", "uid"}} {
		set = set.Difference(fieldpath.NewSet(fieldpath.MakePathOrDie(path...)))
	}
	return set
}

func (s *store) typed(o object.Object) *typed.TypedValue {
	o = o.DeepCopy()
	o.SetManagedFields(nil)
	converter := managedfields.NewDeducedTypeConverter()
	if scheme.Scheme.Recognizes(o.GroupVersionKind()) {
		converter = applyconfigurations.NewTypeConverter(scheme.Scheme)
	}
	v, err := converter.ObjectToTyped(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func own(t testing.TB, o object.Object, manager string, op metav1.ManagedFieldsOperationType, set *fieldpath.Set) {
	o.SetManagedFields(append(o.GetManagedFields(), metav1.ManagedFieldsEntry{
		Manager: manager, Operation: op, APIVersion: o.GetAPIVersion(), FieldsType: "FieldsV1", FieldsV1: encode(t, set),
	}))
}

func encode(t testing.TB, set *fieldpath.Set) *metav1.FieldsV1 {
	raw, err := set.ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	return metav1.NewFieldsV1(string(raw))
}

// merge patches as kubectl does: by strategic merge for Kubernetes' own kinds, by JSON merge for others.
func merge(t testing.TB, o, patch object.Object) object.Object {
	t.Helper()
	from, err := json.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	with, err := json.Marshal(patch.Object)
	if err != nil {
		t.Fatal(err)
	}
	var merged []byte
	if kind, unknown := scheme.Scheme.New(o.GroupVersionKind()); unknown == nil {
		merged, err = strategicpatch.StrategicMergePatch(from, with, kind)
	} else {
		merged, err = jsonpatch.MergePatch(from, with)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := &unstructured.Unstructured{}
	if err := out.UnmarshalJSON(merged); err != nil {
		t.Fatal(err)
	}
	return out
}
