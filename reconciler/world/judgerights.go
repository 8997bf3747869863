package world

import (
	"slices"

	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// rights is what the world remembers of whom people let in, and of what they changed in the copy of the secrets.
type rights struct {
	let    map[string][]string       // whom each role let in when the program first added its own
	edited map[string]map[string]any // values that people gave the copy, by whole path and key
	froze  bool                      // a marker on the migration's branch has asked for the freeze
}

func newRights() rights {
	return rights{let: map[string][]string{}, edited: map[string]map[string]any{}}
}

// trusts remembers whom a role let in when the program's principal came.
func (r *rights) trusts(name string, now *role) {
	if _, known := r.let[name]; !known {
		r.let[name] = slices.Clone(now.principals)
	}
}

// trust: no traffic is moved on while a role keeps somebody out whom it let in.
func (j *judge) trust(w *World) {
	for name, before := range j.rights.let {
		now := w.roles[name]
		if j.unknown(now.changed, believesRoles) {
			continue
		}
		for _, principal := range before {
			if !slices.Contains(now.principals, principal) {
				w.breach("trust", "role %s keeps out %s, and traffic is moved", name, principal)
			}
		}
	}
}

// marks notes when the freeze was first asked for.
func (r *rights) marks(w *World, branch string, at *commit) {
	if w.options.Empty || branch != w.migration.Branch {
		return
	}
	f, ok := at.tree.files[w.migration.MarkerPath()]
	if !ok {
		return
	}
	if m, _ := values.ParseMarker(w.migration.MarkerPath(), f.data); m.Phase >= estate.Freeze {
		r.froze = true
	}
}

// overwrites: what people changed in the copy stays as it is before the freeze.
func (j *judge) overwrites(w *World, path string, next map[string]any) {
	if w.options.Empty || j.rights.froze {
		return
	}
	for key, value := range j.rights.edited[path] {
		if !sameValue(next[key], value) {
			w.breach("secrets", "key %s of %s, which people changed, was overwritten before the freeze", key, path)
		}
	}
}
