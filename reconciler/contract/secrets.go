package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// SecretStore is Vault as the reconciler uses it.
type SecretStore interface {
	Compare(ctx context.Context, t evidence.SecretTree) (evidence.Secrets, error)
	Copy(ctx context.Context, t evidence.SecretTree, paths []string) error
}

// SecretPlace is a store with two empty roots of the test's own, and what only a test does to them: people's edits.
type SecretPlace struct {
	Store    SecretStore
	From, To string
	// Seed writes a secret below a root, over the one that is there.
	Seed func(t *testing.T, root, path string, data map[string]any)
	// Delete deletes the newest version of a secret.
	Delete func(t *testing.T, root, path string)
	// Held reads a secret; nil if there is none.
	Held func(t *testing.T, root, path string) map[string]any
	// Kept are the values that were kept of a secret below To when it was overwritten, oldest first.
	Kept func(t *testing.T, path string) []map[string]any
}

// Secrets holds an implementation to the contract of the reconciler's port Secrets. Each call of open must give a
// place of its own.
func Secrets(t *testing.T, open func(t *testing.T) SecretPlace) {
	for name, check := range map[string]func(secretsSuite, *testing.T){
		"what is copied no longer differs":                secretsSuite.copied,
		"odd paths, keys and values are copied exactly":   secretsSuite.odd,
		"a difference is named by path and key":           secretsSuite.different,
		"only the named paths are copied":                 secretsSuite.named,
		"what only the copy has is reported and stays":    secretsSuite.extra,
		"what a copy held is kept":                        secretsSuite.kept,
		"without leave nothing that differs is replaced":  secretsSuite.added,
		"copying twice changes nothing":                   secretsSuite.twice,
		"a deleted secret is as good as none":             secretsSuite.deleted,
		"git's value takes the place of the original's":   secretsSuite.set,
		"git's value for a secret that is not is refused": secretsSuite.setNowhere,
		"an original without secrets is refused":          secretsSuite.empty,
		"a root inside the other is refused":              secretsSuite.nested,
		"a path that is gone is left alone":               secretsSuite.gone,
		"no answer and no error holds a value":            secretsSuite.silent,
	} {
		t.Run(name, func(t *testing.T) { check(secretsSuite{open(t)}, t) })
	}
}

type secretsSuite struct{ SecretPlace }

func (s secretsSuite) tree(set ...evidence.SecretValue) evidence.SecretTree {
	return evidence.SecretTree{From: s.From, To: s.To, Set: set, Overwrite: true}
}

// compare fails the test unless the differences are the wanted ones.
func (s secretsSuite) compare(t *testing.T, tree evidence.SecretTree, want ...evidence.SecretDifference) evidence.Secrets {
	t.Helper()
	got, err := s.Store.Compare(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	if got.Denied != "" {
		t.Fatalf("denied: %s", got.Denied)
	}
	if diff := cmp.Diff(want, got.Different); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	return got
}

func (s secretsSuite) copy(t *testing.T, tree evidence.SecretTree, paths ...string) {
	t.Helper()
	if err := s.Store.Copy(t.Context(), tree, paths); err != nil {
		t.Fatal(err)
	}
}

// holds fails the test unless a copy holds the data. Both are compared as JSON: a test writes numbers as Go has them.
func (s secretsSuite) holds(t *testing.T, path string, want map[string]any) {
	t.Helper()
	sameJSON(t, path, want, s.Held(t, s.To, path))
}

func sameJSON(t *testing.T, what string, want, got any) {
	t.Helper()
	a, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Errorf("%s holds %s, want %s", what, b, a)
	}
}

func missing(path, key string) evidence.SecretDifference {
	return evidence.SecretDifference{Path: path, Key: key, Kind: evidence.SecretMissing}
}

func (s secretsSuite) copied(t *testing.T) {
	api, db := map[string]any{"user": "api", "password": "p1"}, map[string]any{"url": "postgres://db"}
	s.Seed(t, s.From, "core/api", api)
	s.Seed(t, s.From, "data/db", db)
	got := s.compare(t, s.tree(), missing("core/api", "password"), missing("core/api", "user"), missing("data/db", "url"))
	if got.Paths != 2 || got.Keys != 3 {
		t.Errorf("counted %d secrets with %d keys, want 2 with 3", got.Paths, got.Keys)
	}
	s.copy(t, s.tree(), "core/api", "data/db")
	s.holds(t, "core/api", api)
	s.holds(t, "data/db", db)
	s.compare(t, s.tree())
}

func (s secretsSuite) odd(t *testing.T) {
	values := map[string]any{
		"text": " <a>&amp;\u2028 \"quoted\" \\ ü\n", "empty": "", "large": json.Number("12345678901234567890"), "fraction": json.Number("1.10"),
		"nested": map[string]any{"list": []any{json.Number("1"), "b", nil, true}}, "null": nil, "dotted.key/with space": "x",
	}
	paths := []string{
		"a", "a/b", "a/b/c/d/e/f/g/h", "with space/and more", "ünïcode/日本語", "50%/25%", "per%2Fcent", "plus+plus", "q?x=1", "hash#tag",
		"semi;colon,comma", "at@:colon", "star*", "core/api", "core/api.v2_x-y",
	}
	for _, path := range paths {
		s.Seed(t, s.From, path, values)
	}
	got, err := s.Store.Compare(t.Context(), s.tree())
	if err != nil {
		t.Fatal(err)
	}
	if got.Denied != "" || got.Paths != len(paths) || got.Keys != len(paths)*len(values) || len(got.Different) != got.Keys {
		t.Fatalf("compared %d secrets with %d keys, %d differences, denied %q", got.Paths, got.Keys, len(got.Different), got.Denied)
	}
	s.copy(t, s.tree(), paths...)
	for _, path := range paths {
		s.holds(t, path, s.Held(t, s.From, path)) // a store may write a number in its own way
	}
	s.compare(t, s.tree())
}

func (s secretsSuite) different(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"same": "1", "other": "1", "lacking": "1", "number": 1})
	s.Seed(t, s.To, "core/api", map[string]any{"same": "1", "other": "2", "more": "1", "number": "1"})
	s.compare(t, s.tree(),
		missing("core/api", "lacking"),
		evidence.SecretDifference{Path: "core/api", Key: "more", Kind: evidence.SecretExtra},
		evidence.SecretDifference{Path: "core/api", Key: "number", Kind: evidence.SecretDiffers},
		evidence.SecretDifference{Path: "core/api", Key: "other", Kind: evidence.SecretDiffers},
	)
}

func (s secretsSuite) named(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	s.Seed(t, s.From, "core/web", map[string]any{"k": "1"})
	s.copy(t, s.tree(), "core/api")
	s.compare(t, s.tree(), missing("core/web", "k"))
	s.copy(t, s.tree())
	s.compare(t, s.tree(), missing("core/web", "k"))
}

func (s secretsSuite) extra(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	s.Seed(t, s.To, "core/api", map[string]any{"k": "0", "ours": "1"})
	s.Seed(t, s.To, "core/only", map[string]any{"k": "1"})
	s.copy(t, s.tree(), "core/api", "core/only")
	s.holds(t, "core/api", map[string]any{"k": "1", "ours": "1"})
	s.holds(t, "core/only", map[string]any{"k": "1"})
	s.compare(t, s.tree(),
		evidence.SecretDifference{Path: "core/api", Key: "ours", Kind: evidence.SecretExtra},
		evidence.SecretDifference{Path: "core/only", Key: "k", Kind: evidence.SecretExtra},
	)
}

// added: what the copy lacks is added, and what git names is replaced.
func (s secretsSuite) added(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"same": "1", "other": "1", "lacking": "1", "address": "old:1"})
	s.Seed(t, s.To, "core/api", map[string]any{"same": "1", "other": "2", "ours": "3", "address": "by hand:1"})
	s.Seed(t, s.From, "core/web", map[string]any{"k": "1"})
	tree := s.tree(evidence.SecretValue{Path: "core/api", Key: "address", Value: "new:1"})
	tree.Overwrite = false
	differs := evidence.SecretDifference{Path: "core/api", Key: "other", Kind: evidence.SecretDiffers}
	extra := evidence.SecretDifference{Path: "core/api", Key: "ours", Kind: evidence.SecretExtra}
	for range 2 {
		s.copy(t, tree, "core/api", "core/web")
		s.holds(t, "core/api", map[string]any{"same": "1", "other": "2", "lacking": "1", "ours": "3", "address": "new:1"})
		s.holds(t, "core/web", map[string]any{"k": "1"})
		s.compare(t, tree, differs, extra)
	}
	tree.Overwrite = true
	s.copy(t, tree, "core/api")
	s.holds(t, "core/api", map[string]any{"same": "1", "other": "1", "lacking": "1", "ours": "3", "address": "new:1"})
	s.compare(t, tree, extra)
}

func (s secretsSuite) kept(t *testing.T) {
	for i := range 3 {
		s.Seed(t, s.From, "core/api", map[string]any{"k": fmt.Sprint("value ", i)})
		s.copy(t, s.tree(), "core/api")
	}
	s.holds(t, "core/api", map[string]any{"k": "value 2"})
	sameJSON(t, "what was kept", []any{map[string]any{"k": "value 0"}, map[string]any{"k": "value 1"}}, s.Kept(t, "core/api"))
}

func (s secretsSuite) twice(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	for range 3 {
		s.copy(t, s.tree(), "core/api", "core/api")
	}
	if kept := s.Kept(t, "core/api"); len(kept) > 0 {
		t.Errorf("%d values were kept of a copy that was written once", len(kept))
	}
}

func (s secretsSuite) deleted(t *testing.T) {
	for _, path := range []string{"core/api", "core/gone"} {
		s.Seed(t, s.From, path, map[string]any{"k": "1"})
	}
	s.copy(t, s.tree(), "core/api", "core/gone")
	s.Delete(t, s.From, "core/gone")
	s.Delete(t, s.To, "core/api")
	got := s.compare(t, s.tree(), missing("core/api", "k"), evidence.SecretDifference{Path: "core/gone", Key: "k", Kind: evidence.SecretExtra})
	if got.Paths != 1 {
		t.Errorf("counted %d secrets, want 1", got.Paths)
	}
	s.copy(t, s.tree(), "core/api", "core/gone")
	s.holds(t, "core/api", map[string]any{"k": "1"})
	s.holds(t, "core/gone", map[string]any{"k": "1"})
}

func (s secretsSuite) set(t *testing.T) {
	s.Seed(t, s.From, "core/match", map[string]any{"address": "old:1", "user": "u"})
	set := func(address string) evidence.SecretTree {
		return s.tree(evidence.SecretValue{Path: "core/match", Key: "address", Value: address})
	}
	s.compare(t, set("new:1"), missing("core/match", "address"), missing("core/match", "user"))
	s.copy(t, set("new:1"), "core/match")
	s.holds(t, "core/match", map[string]any{"address": "new:1", "user": "u"})
	s.compare(t, set("new:1"))
	s.compare(t, set("new:2"), evidence.SecretDifference{Path: "core/match", Key: "address", Kind: evidence.SecretStale})
	s.compare(t, s.tree(), evidence.SecretDifference{Path: "core/match", Key: "address", Kind: evidence.SecretDiffers})
	s.copy(t, set("new:2"), "core/match")
	s.compare(t, set("new:2"))
}

func (s secretsSuite) setNowhere(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	_, err := s.Store.Compare(t.Context(), s.tree(evidence.SecretValue{Path: "core/match", Key: "address", Value: "new:1"}))
	wantError(t, err, failure.ErrRefused)
}

func (s secretsSuite) empty(t *testing.T) {
	_, err := s.Store.Compare(t.Context(), s.tree())
	wantError(t, err, failure.ErrRefused)
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	s.copy(t, s.tree(), "core/api")
	s.Delete(t, s.From, "core/api")
	_, err = s.Store.Compare(t.Context(), s.tree())
	wantError(t, err, failure.ErrRefused)
}

func (s secretsSuite) nested(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	for _, to := range []string{s.From, s.From + "/core"} {
		tree := evidence.SecretTree{From: s.From, To: to}
		_, err := s.Store.Compare(t.Context(), tree)
		wantError(t, err, failure.ErrRefused)
		wantError(t, s.Store.Copy(t.Context(), tree, []string{"core/api"}), failure.ErrRefused)
	}
}

func (s secretsSuite) gone(t *testing.T) {
	s.Seed(t, s.From, "core/api", map[string]any{"k": "1"})
	s.copy(t, s.tree(), "core/api", "core/never")
	if held := s.Held(t, s.To, "core/never"); held != nil {
		t.Error("a copy was made of nothing")
	}
}

func (s secretsSuite) silent(t *testing.T) {
	planted := "planted-" + uuid.NewString()
	s.Seed(t, s.From, "core/api", map[string]any{"k": planted, "l": map[string]any{"m": planted}})
	s.Seed(t, s.To, "core/api", map[string]any{"k": planted + "x", "extra": planted})
	got, err := s.Store.Compare(t.Context(), s.tree())
	if err != nil {
		t.Fatal(err)
	}
	_, refused := s.Store.Compare(t.Context(), s.tree(evidence.SecretValue{Path: "core/none", Key: "k", Value: "x"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, compared := s.Store.Compare(ctx, s.tree())
	copied := s.Store.Copy(ctx, s.tree(), []string{"core/api"})
	if compared == nil || copied == nil {
		t.Error("a cancelled call has no error")
	}
	for _, text := range []string{fmt.Sprintf("%#v", got), fmt.Sprint(refused), fmt.Sprint(compared), fmt.Sprint(copied)} {
		if strings.Contains(text, planted) {
			t.Error("a value is in an answer or in an error")
		}
	}
}
