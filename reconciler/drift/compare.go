package drift

import (
	"fmt"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"cutover/reconciler/object"
)

// comparison is a desired object beside the live one.
type comparison struct {
	git              map[string]any // what git names, as written
	want, have       map[string]any // canonical
	wanted, held     *typed.TypedValue
	named            *fieldpath.Set // the fields that git names
	owned            *fieldpath.Set // the live fields that our apply set, as managedFields has them
	shared           *fieldpath.Set // the live fields that somebody else has set
	changed, removed *fieldpath.Set // the drift: fields that differ, and fields that must go
}

// compare finds the fields of have that must change. Fields that exempt leads to are taken to be right.
func compare(want, have object.Object, manager string, exempt []pointer) (*comparison, error) {
	c := &comparison{git: want.Object}
	var err error
	if c.want, err = canonical(want, true); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if c.have, err = canonical(have, false); err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	if c.owned, c.shared, err = owners(have, manager); err != nil {
		return nil, err
	}
	// The server records as ours what we send, so what git names is taken as written: not in canonical form, and
	// before the exempt fields are settled.
	written, err := asTyped(want.Object)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if c.named, err = written.ToFieldSet(); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	for _, ptr := range exempt {
		ptr.settle(c.want, c.have)
	}
	if c.wanted, err = asTyped(c.want); err != nil {
		return nil, fmt.Errorf("git, with the fields that are not compared: %w", err)
	}
	if c.held, err = asTyped(c.have, typed.AllowDuplicates); err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	diff, err := c.wanted.Compare(c.held)
	if err != nil {
		return nil, err
	}
	c.changed = diff.Removed.Union(diff.Modified)
	return c, c.findRemoved(exempt)
}

// owners reads managedFields: what our apply owns, and what anybody else does.
func owners(o object.Object, manager string) (ours, others *fieldpath.Set, err error) {
	ours, others = fieldpath.NewSet(), fieldpath.NewSet()
	for _, entry := range o.GetManagedFields() {
		if entry.FieldsV1 == nil {
			continue
		}
		var set fieldpath.Set
		if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			return nil, nil, fmt.Errorf("managedFields of %s: %w", entry.Manager, err)
		}
		if entry.Manager == manager && entry.Operation == "Apply" && entry.Subresource == "" {
			ours = ours.Union(&set)
		} else {
			others = others.Union(&set)
		}
	}
	return ours, others, nil
}

// findRemoved finds the fields that we applied once and git no longer names. One that another writer set as
// well stays when we let go of it, so it is no drift.
func (c *comparison) findRemoved(exempt []pointer) error {
	c.removed = fieldpath.NewSet()
	if c.owned.Empty() {
		return nil
	}
	present, err := c.held.ToFieldSet()
	if err != nil {
		return fmt.Errorf("live: %w", err)
	}
	for path := range c.owned.Leaves().All() {
		// The server may know more of a list than the schema here, where the whole list is one value.
		if whole, ok := leafAbove(present, path); ok {
			path = whole
		}
		switch {
		case c.names(path), c.shared.Has(path), !present.Has(path):
		case slices.ContainsFunc(exempt, func(p pointer) bool { return p.covers(path) || p.within(path) }):
		default:
			c.removed.Insert(path.Copy())
		}
	}
	return nil
}

// names tells whether git says anything about the field: names it, something in it, or a whole that it is part of.
func (c *comparison) names(path fieldpath.Path) bool {
	if mentions(c.named, path) {
		return true
	}
	whole, ok := leafAbove(c.named, path)
	// An empty map names nothing that could be in it.
	return ok && !empty(lookup(c.git, whole))
}

// mentions tells whether the set has the path or something below it.
func mentions(set *fieldpath.Set, path fieldpath.Path) bool {
	if set.Has(path) {
		return true
	}
	for _, e := range path {
		set = set.WithPrefix(e)
	}
	return !set.Empty()
}

// leafAbove returns the path above the given one that the set has and has nothing below.
func leafAbove(set *fieldpath.Set, path fieldpath.Path) (fieldpath.Path, bool) {
	for i, e := range path[:len(path)-1] {
		below := set.WithPrefix(e)
		if set.Members.Has(e) && below.Empty() {
			return path[:i+1], true
		}
		set = below
	}
	return nil, false
}

// payload returns what to apply for a desired object while the exempt fields stay as they are in the cluster. A
// field that only we own is written with its live value, because leaving it out would take it away; any other is
// left out, so that its owner may go on changing it. A live value is written only to the version that it was read
// from: since then an owner may have set another.
func (c *comparison) payload(want, have object.Object, exempt []pointer) object.Object {
	out := want.DeepCopy()
	out.SetUID(have.GetUID())
	for _, ptr := range exempt {
		if c.mustWrite(ptr) {
			ptr.settle(out.Object, have.Object)
			out.SetResourceVersion(have.GetResourceVersion())
		} else {
			ptr.settle(out.Object, nil)
		}
	}
	return out
}

// mustWrite tells whether the pointer leads to a field that only we own, or into a value that git names as a whole.
func (c *comparison) mustWrite(ptr pointer) bool {
	must := false
	c.owned.Leaves().Iterate(func(path fieldpath.Path) {
		must = must || (ptr.covers(path) || ptr.within(path)) && !c.shared.Has(path)
	})
	c.named.Leaves().Iterate(func(path fieldpath.Path) {
		must = must || ptr.within(path)
	})
	return must
}
