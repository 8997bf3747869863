package drift

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/yaml"

	"cutover/reconciler/object"
)

// Kind says how an object differs.
type Kind string

const (
	// Missing: git names it, the cluster does not have it.
	Missing Kind = "missing"
	// Changed: some of its fields are not as git has them.
	Changed Kind = "changed"
	// Unmarked: it is as git has it, and deployed by Spinnaker, but not yet marked as a member of the set.
	Unmarked Kind = "unmarked"
	// Extra: it is ours, and git does not name it any more.
	Extra Kind = "extra"
)

// Difference is one object that is not as git has it.
type Difference struct {
	Ref    object.Ref `json:"object"`
	Kind   Kind       `json:"kind"`
	Fields []Field    `json:"fields,omitempty"` // of a changed object, sorted by path
	Reason string     `json:"reason"`
	// Object is what to apply: git's object as a member of the set, without the fields that others hold, and
	// with the UID of the live object that was decided on. It is nil for an extra object. It holds secrets.
	Object object.Object `json:"-"`
	// Diff is what applying would change, as a unified diff of YAML from live to git. It shows the fields that
	// differ and where they are, and no credential.
	Diff string `json:"diff"`
}

// Field is one field of a changed object. Credentials are masked: equal masks stand for equal values.
type Field struct {
	Path string `json:"path"` // such as .spec.template.spec.containers[name="app"].image
	Want string `json:"want"` // "" if it must go
	Have string `json:"have"` // "" if it is not there
}

func missing(o object.Object) Difference {
	return Difference{
		Ref: object.RefOf(o), Kind: Missing, Reason: "not in the cluster", Object: o,
		Diff: unified(nil, newMasker().object(o.Object)),
	}
}

func extra(o object.Object) Difference {
	shown := o.DeepCopy().Object
	strip(shown)
	return Difference{
		Ref: object.RefOf(o), Kind: Extra, Reason: "not in git any more",
		Diff: unified(newMasker().object(shown), nil),
	}
}

// difference describes a drift, or returns false if there is none.
func (c *comparison) difference() (Difference, bool, error) {
	all := c.changed.Union(c.removed)
	if all.Empty() {
		return Difference{}, false, nil
	}
	m := newMasker()
	have, want := m.object(c.have), m.object(c.want)
	var fields []Field
	for path := range all.All() {
		if !headline(all, path) {
			continue
		}
		f := Field{Path: path.String(), Have: inline(lookup(have, path))}
		if !c.removed.Has(path) {
			f.Want = inline(lookup(want, path))
		}
		fields = append(fields, f)
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Path, b.Path) })
	shown, err := c.show(all, have, want)
	kind, reason := classify(fields)
	return Difference{Kind: kind, Fields: fields, Reason: reason, Diff: shown}, true, err
}

func classify(fields []Field) (Kind, string) {
	switch {
	case len(fields) == 1 && strings.Contains(fields[0].Path, object.LabelPartOf):
		return Unmarked, "not yet marked as a member of the set"
	case len(fields) == 1:
		return Changed, fields[0].Path + " differs"
	}
	return Changed, fmt.Sprintf("%d fields differ, first %s", len(fields), fields[0].Path)
}

// headline tells whether a path of the set is worth a line of its own: an element of a list stands for all that
// is in it, and a map is told by its fields.
func headline(set *fieldpath.Set, path fieldpath.Path) bool {
	for i, e := range path[:len(path)-1] {
		if e.FieldName == nil && set.Has(path[:i+1]) {
			return false
		}
	}
	return path[len(path)-1].FieldName == nil || set.Leaves().Has(path)
}

// show renders the differing fields of both sides, each with the names of the list elements that lead to it.
func (c *comparison) show(all *fieldpath.Set, have, want map[string]any) (string, error) {
	items := all.Leaves() // of anything but a leaf, ExtractItems takes nothing
	for path := range all.All() {
		for i, e := range path {
			if e.Key == nil {
				continue
			}
			for _, key := range *e.Key {
				items.Insert(append(path[:i+1:i+1], fieldpath.PathElement{FieldName: &key.Name}))
			}
		}
	}
	extract := func(o map[string]any, opts ...typed.ValidationOptions) (map[string]any, error) {
		v, err := asTyped(o, opts...)
		if err != nil {
			return nil, err
		}
		out, _ := withoutNulls(v.ExtractItems(items).AsValue().Unstructured()).(map[string]any)
		return out, nil
	}
	haveShown, err := extract(have, typed.AllowDuplicates)
	if err != nil {
		return "", err
	}
	wantShown, err := extract(want)
	if err != nil {
		return "", err
	}
	return unified(haveShown, wantShown), nil
}

// withoutNulls takes out the nulls that ExtractItems leaves where it found nothing, and the maps that are empty
// without them.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			v[i] = withoutNulls(item)
		}
	case map[string]any:
		before := len(v)
		for k, child := range v {
			if v[k] = withoutNulls(child); v[k] == nil {
				delete(v, k)
			}
		}
		if before > 0 && len(v) == 0 {
			return nil
		}
	}
	return v
}

func unified(have, want map[string]any) string {
	from, to := text(have), text(want)
	whole := strings.Count(from, "\n") + 1 // the parts around a difference say where it is
	out, err := udiff.ToUnified("live", "git", from, udiff.Lines(from, to), whole)
	if err != nil {
		// Only edits that do not fit the text are an error, and these were made from it.
		panic(err)
	}
	return out
}

func text(o map[string]any) string {
	if len(o) == 0 {
		return ""
	}
	out, err := yaml.Marshal(o)
	if err != nil {
		// An object was decoded from JSON or YAML, so it can be encoded.
		panic(err)
	}
	return string(out)
}

func inline(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		out, err := json.Marshal(v)
		if err != nil {
			panic(err) // as in text
		}
		return string(out)
	}
}

func asObject(o map[string]any) object.Object { return &unstructured.Unstructured{Object: o} }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
