package world

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// vault is the store of secrets: two trees below their roots.
type vault struct {
	secrets map[string]*secret // by path
	denied  string             // why the copy is not allowed; "" if it is
	writes  int
}

// secret is one secret and its versions, oldest first. Numbers grow over the whole store.
type secret struct {
	versions []map[string]any
	number   int
	changed  map[string]time.Time // of each key, when it was last changed
}

func (s *secret) current() map[string]any {
	if s == nil || len(s.versions) == 0 {
		return nil
	}
	return s.versions[len(s.versions)-1]
}

// changedAt is when a key was last changed; zero if it never was.
func (s *secret) changedAt(key string) time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.changed[key]
}

// below are the paths below a root, relative to it, sorted.
func (v *vault) below(root string) []string {
	var out []string
	for path := range v.secrets {
		if rest, ok := strings.CutPrefix(path, root+"/"); ok && v.secrets[path].current() != nil {
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return out
}

// put writes a new version.
func (v *vault) put(path string, values map[string]any, at time.Time) {
	s := v.secrets[path]
	if s == nil {
		s = &secret{changed: map[string]time.Time{}}
		v.secrets[path] = s
	}
	for key, value := range values {
		if have, ok := s.current()[key]; !ok || !reflect.DeepEqual(have, value) {
			s.changed[key] = at
		}
	}
	v.writes++
	s.number = v.writes
	s.versions = append(s.versions, maps.Clone(values))
}

// cut splits namespace/name.
func cut(path string) (namespace, name string, ok bool) {
	namespace, name, ok = strings.Cut(path, "/")
	return namespace, name, ok && !strings.Contains(name, "/")
}

// Vault is the store as the program uses it.
type Vault struct{ p *Process }

// wanted is what the copy of a path should hold.
func (v *vault) wanted(t evidence.SecretTree, path string) map[string]any {
	out := maps.Clone(v.secrets[t.From+"/"+path].current())
	for _, set := range t.Set {
		if set.Path == path && out != nil {
			out[set.Key] = set.Value
		}
	}
	return out
}

// Compare implements reconciler.Secrets.
func (v Vault) Compare(ctx context.Context, t evidence.SecretTree) (evidence.Secrets, error) {
	return look(ctx, v.p, portVault, "compare "+t.To, false, func() (evidence.Secrets, error) {
		return v.p.w.vault.compare(t)
	})
}

// check refuses trees that cannot be meant.
func (v *vault) check(t evidence.SecretTree) error {
	if t.From == t.To || strings.HasPrefix(t.To, t.From+"/") || strings.HasPrefix(t.From, t.To+"/") {
		return fmt.Errorf("%w: one of %s and %s is inside the other", failure.ErrRefused, t.From, t.To)
	}
	for _, set := range t.Set {
		if v.secrets[t.From+"/"+set.Path].current() == nil && len(v.below(t.From)) > 0 {
			return fmt.Errorf("%w: %s has no secret %s", failure.ErrRefused, t.From, set.Path)
		}
	}
	return nil
}

// sameValue compares values as JSON does: 1 and "1" differ.
func sameValue(a, b any) bool { return reflect.DeepEqual(a, b) }

func (v *vault) compare(t evidence.SecretTree) (evidence.Secrets, error) {
	if err := v.check(t); err != nil {
		return evidence.Secrets{}, err
	}
	paths := v.below(t.From)
	if len(paths) == 0 {
		return evidence.Secrets{}, fmt.Errorf("%w: %s holds no secret", failure.ErrRefused, t.From)
	}
	out := evidence.Secrets{Denied: v.denied, Paths: len(paths)}
	all := slices.Clone(paths)
	all = append(all, v.below(t.To)...)
	slices.Sort(all)
	for _, path := range slices.Compact(all) {
		want, have := v.wanted(t, path), v.secrets[t.To+"/"+path].current()
		out.Keys += len(v.secrets[t.From+"/"+path].current())
		keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(have))
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			w, wanted := want[key]
			h, held := have[key]
			set := isSet(t, path, key)
			d := evidence.SecretDifference{Path: path, Key: key}
			switch {
			case !wanted:
				d.Kind = evidence.SecretExtra
			case held && sameValue(h, w):
				continue
			case !held:
				d.Kind = evidence.SecretMissing
			case set:
				d.Kind = evidence.SecretStale
			default:
				d.Kind = evidence.SecretDiffers
			}
			out.Different = append(out.Different, d)
		}
	}
	return out, nil
}

// isSet tells whether git names the value of a key.
func isSet(t evidence.SecretTree, path, key string) bool {
	return slices.ContainsFunc(t.Set, func(s evidence.SecretValue) bool { return s.Path == path && s.Key == key })
}

// Copy implements reconciler.Secrets.
func (v Vault) Copy(ctx context.Context, t evidence.SecretTree, paths []string) error {
	return do(ctx, v.p, portVault, fmt.Sprintf("copy %d secrets to %s", len(paths), t.To), func() error {
		w := v.p.w
		if w.vault.denied != "" {
			return fmt.Errorf("%w: %s", failure.ErrRefused, w.vault.denied)
		}
		if err := w.vault.check(t); err != nil {
			return err
		}
		w.judge.copies(w, t)
		for i, path := range paths {
			if i > 0 {
				if err := v.p.crashPoint("copy "+path, false); err != nil {
					return err
				}
			}
			want := w.vault.wanted(t, path)
			if want == nil {
				continue // the original lacks it: the copy is left alone
			}
			have := w.vault.secrets[t.To+"/"+path].current()
			next := maps.Clone(want)
			for key, value := range have {
				_, both := want[key]
				if set := isSet(t, path, key); !both || !t.Overwrite && !set {
					next[key] = value
				}
			}
			w.judge.overwrites(w, t.To+"/"+path, next)
			if have == nil || !maps.EqualFunc(next, have, sameValue) {
				w.vault.put(t.To+"/"+path, next, w.now)
			}
		}
		return nil
	})
}
