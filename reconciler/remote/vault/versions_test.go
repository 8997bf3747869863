package vault_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/reconciler/contract"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// TestSettings: what version 2 keeps of a secret beside its versions is copied with it, and compared.
func TestSettings(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	tree := evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	l.put(t, at(mount, "metadata", p.From, "core/api"), map[string]any{
		"max_versions": 5, "cas_required": true, "delete_version_after": "768h", "custom_metadata": map[string]any{"owner": "team ü", "tier": "1"},
	})
	settings := func(root string) map[string]any {
		have := l.get(t, at(mount, "metadata", root, "core/api"))
		return map[string]any{"max": have["max_versions"], "cas": have["cas_required"], "after": have["delete_version_after"], "custom": have["custom_metadata"]}
	}
	copyOf := func() {
		t.Helper()
		if err := p.Store.Copy(t.Context(), tree, []string{"core/api"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(settings(p.From), settings(p.To)); diff != "" {
			t.Errorf("settings (-original +copy):\n%s", diff)
		}
	}
	compare := func(want ...evidence.SecretDifference) {
		t.Helper()
		got, err := p.Store.Compare(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Different); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
	}
	copyOf()
	compare()
	l.put(t, at(mount, "metadata", p.From, "core/api"), map[string]any{"max_versions": 7, "custom_metadata": map[string]any{"owner": "other"}})
	compare(evidence.SecretDifference{Path: "core/api", Kind: evidence.SecretDiffers})
	if err := p.Store.Copy(t.Context(), tree, []string{"core/api"}); err != nil {
		t.Fatal(err)
	}
	compare()
	if diff := cmp.Diff(map[string]any{"owner": "other", "tier": "1"}, settings(p.To)["custom"]); diff != "" {
		t.Errorf("what only the copy has of custom metadata is not left alone (-want +got):\n%s", diff)
	}
	if kept := p.Kept(t, "core/api"); len(kept) > 0 {
		t.Error("a change of settings wrote a version")
	}
}

// TestOneVersion: a copy is never overwritten where the engine would forget what it held.
func TestOneVersion(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	copyOf := func(t *testing.T, p contract.SecretPlace, value string) error {
		p.Seed(t, p.From, "core/api", map[string]any{"k": value})
		return p.Store.Copy(t.Context(), evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}, []string{"core/api"})
	}
	t.Run("a copy of an original that keeps one version keeps two", func(t *testing.T) {
		p := l.place(t, mount, 2)
		l.put(t, at(mount, "metadata", p.From, "core/api"), map[string]any{"max_versions": 1})
		for _, value := range []string{"1", "2"} {
			if err := copyOf(t, p, value); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]map[string]any{{"k": "1"}}, p.Kept(t, "core/api")); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	})
	t.Run("a copy that people let keep more versions keeps them", func(t *testing.T) {
		p := l.place(t, mount, 2)
		l.put(t, mount+"/config", map[string]any{"max_versions": 1})
		defer l.put(t, mount+"/config", map[string]any{"max_versions": 0})
		if err := copyOf(t, p, "1"); err != nil {
			t.Fatal(err)
		}
		l.put(t, at(mount, "metadata", p.To, "core/api"), map[string]any{"max_versions": 3}) // as the refusal below asks for
		if err := copyOf(t, p, "2"); err != nil {
			t.Fatal(err)
		}
		if different := differences(t, open(t, l.config()), evidence.SecretTree{From: p.From, To: p.To}); len(different) > 0 {
			t.Errorf("differences %v", different)
		}
		if diff := cmp.Diff([]map[string]any{{"k": "1"}}, p.Kept(t, "core/api")); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	})
	t.Run("an engine that keeps one version refuses to overwrite", func(t *testing.T) {
		p := l.place(t, mount, 2)
		l.put(t, mount+"/config", map[string]any{"max_versions": 1})
		defer l.put(t, mount+"/config", map[string]any{"max_versions": 0})
		if err := copyOf(t, p, "1"); err != nil {
			t.Fatal(err)
		}
		wantError(t, copyOf(t, p, "2"), failure.ErrRefused, "only one version of it is kept")
		if diff := cmp.Diff(map[string]any{"k": "1"}, p.Held(t, p.To, "core/api")); diff != "" {
			t.Errorf("the copy (-want +got):\n%s", diff)
		}
	})
}

// TestAcrossVersions: the original's engine may be of version 1 and the copy's of version 2, and the other way round.
func TestAcrossVersions(t *testing.T) {
	l := newLab(t)
	one, two := l.mount(t, 1), l.mount(t, 2)
	data := map[string]any{"k": "1", "n": json.Number("7")}
	l.put(t, one+"/orbit/core/api", data)
	c := open(t, l.config())
	there, back := evidence.SecretTree{From: one, To: two + "/orbit"}, evidence.SecretTree{From: two, To: one + "/back"}
	if err := c.Copy(t.Context(), there, []string{"orbit/core/api"}); err != nil {
		t.Fatal(err)
	}
	if different := differences(t, c, there); len(different) > 0 {
		t.Errorf("from 1 to 2: %v", different)
	}
	if err := c.Copy(t.Context(), back, []string{"orbit/orbit/core/api"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, l.get(t, one+"/back/orbit/orbit/core/api")); diff != "" {
		t.Errorf("from 2 to 1 (-want +got):\n%s", diff)
	}
}

// TestNumbersAcrossVersions: version 1 keeps how a number was written, and version 2 only which number it is.
func TestNumbersAcrossVersions(t *testing.T) {
	l := newLab(t)
	one, two := l.mount(t, 1), l.mount(t, 2)
	c := open(t, l.config())
	there := evidence.SecretTree{From: one + "/orbit", To: two + "/orbit", Overwrite: true}
	back := evidence.SecretTree{From: two + "/orbit", To: one + "/back", Overwrite: true}
	data := map[string]any{}
	for _, n := range []string{
		"1.0", "1e6", "1E+6", "10.50", "-0", "0.0", "1e-7", "0.000001", "100000000000000000000", "1e21", "1e300", "9007199254740991",
		"123456789012345", "0.1", "-2.50e-3", "0e99999999999999999999",
	} {
		data[n] = map[string]any{"in a list": []any{json.Number(n)}, "alone": json.Number(n)}
		data["text "+n] = n
	}
	l.put(t, one+"/orbit/core/api", data)
	if diff := cmp.Diff(data, l.get(t, one+"/orbit/core/api")); diff != "" {
		t.Fatalf("version 1 (-want +got):\n%s", diff)
	}
	for range 2 {
		if err := c.Copy(t.Context(), there, []string{"core/api"}); err != nil {
			t.Fatal(err)
		}
		if different := differences(t, c, there); len(different) > 0 {
			t.Errorf("from 1 to 2: %v", different)
		}
		if err := c.Copy(t.Context(), back, []string{"core/api"}); err != nil {
			t.Fatal(err)
		}
		if different := differences(t, c, back); len(different) > 0 {
			t.Errorf("from 2 to 1: %v", different)
		}
	}
	if got := versions(t, l, two+"/metadata/orbit/core/api"); got != 1 {
		t.Errorf("the copy was written %d times", got)
	}
}

// TestNumbersThatAreLost: version 2 gives back another number than was written, so it is told, and not written.
func TestNumbersThatAreLost(t *testing.T) {
	l := newLab(t)
	one, two := l.mount(t, 1), l.mount(t, 2)
	c := open(t, l.config())
	for i, n := range []string{"12345678901234567890", "9007199254740993", "0.12345678901234567890", "1e400", "1e-400", "1e99999999999999999999"} {
		t.Run(n, func(t *testing.T) {
			folder := fmt.Sprint("/", i)
			tree := evidence.SecretTree{From: one + folder, To: two + folder, Overwrite: true}
			l.put(t, tree.From+"/core/api", map[string]any{"account": map[string]any{"id": json.Number(n)}, "user": "u"})
			for range 2 {
				err := c.Copy(t.Context(), tree, []string{"core/api"})
				wantError(t, err, failure.ErrRefused, two+"/data"+folder+`/core/api: refused: key "account" holds a number of more digits`)
				if err != nil && strings.Contains(err.Error(), n) {
					t.Errorf("the error shows the value: %v", err)
				}
			}
			if got := l.get(t, two+"/metadata"+folder+"/core/api"); got != nil {
				t.Errorf("something was written: %v", got)
			}
		})
	}
	// A person, or an older version of this program, has written it: the two are not taken for equal, nor is it written again.
	tree := evidence.SecretTree{From: one + "/0", To: two + "/0", Overwrite: true}
	l.put(t, two+"/data/0/core/api", map[string]any{"data": map[string]any{"account": map[string]any{"id": json.Number("12345678901234567890")}, "user": "u"}})
	want := []evidence.SecretDifference{{Path: "core/api", Key: "account", Kind: evidence.SecretDiffers}}
	if diff := cmp.Diff(want, differences(t, c, tree)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	wantError(t, c.Copy(t.Context(), tree, []string{"core/api"}), failure.ErrRefused, `key "account"`)
	if got := versions(t, l, two+"/metadata/0/core/api"); got != 1 {
		t.Errorf("there are %d versions, want the person's alone", got)
	}
	// Before the freeze what the copy has stays, and what it lacks is added beside it.
	tree.Overwrite = false
	l.put(t, tree.From+"/core/api", map[string]any{"account": map[string]any{"id": json.Number("12345678901234567890")}, "user": "u", "more": "1"})
	if err := c.Copy(t.Context(), tree, []string{"core/api"}); err != nil {
		t.Error(err)
	}
	// From version 1 to version 1 every digit is kept.
	exact := evidence.SecretTree{From: one + "/0", To: one + "/exact", Overwrite: true}
	if err := c.Copy(t.Context(), exact, []string{"core/api"}); err != nil {
		t.Error(err)
	}
	if different := differences(t, c, exact); len(different) > 0 {
		t.Errorf("from 1 to 1: %v", different)
	}
}

// versions counts those of a secret.
func versions(t *testing.T, l lab, metadata string) int {
	t.Helper()
	list, _ := l.get(t, metadata)["versions"].(map[string]any)
	return len(list)
}

// TestWholeEngineOfVersion1: there is no place beside a whole engine where a copy's value could be kept.
func TestWholeEngineOfVersion1(t *testing.T) {
	l := newLab(t)
	from, to := l.mount(t, 1), l.mount(t, 1)
	c := open(t, l.config())
	tree := evidence.SecretTree{From: from, To: to, Overwrite: true}
	l.put(t, from+"/core/api", map[string]any{"k": "1"})
	if err := c.Copy(t.Context(), tree, []string{"core/api"}); err != nil {
		t.Fatal(err)
	}
	l.put(t, from+"/core/api", map[string]any{"k": "2"})
	wantError(t, c.Copy(t.Context(), tree, []string{"core/api"}), failure.ErrRefused, "no place beside a whole engine")
}

// TestOtherEngines: only kv is copied.
func TestOtherEngines(t *testing.T) {
	l := newLab(t)
	c := open(t, l.config())
	for root, want := range map[string]string{
		"cubbyhole/a":           "of type \"cubbyhole\"",
		"none-" + "such/orbit":  "there is none",
		"a//b":                  "it is no path",
		"../sys":                "it is no path",
		"":                      "it is no path",
		"k8s-secret/with\nline": "it is no path",
	} {
		_, err := c.Read(t.Context(), root)
		wantError(t, err, failure.ErrRefused, want)
	}
}

// TestConflict: a copy that somebody writes at the same time is not overwritten.
func TestConflict(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	// Vault refuses every write that does not name the newest version, and here it is told of one between the
	// reading and the writing.
	between := proxy(t, l.access.Address)
	config := l.config()
	config.Address = between.URL
	between.before = func(method, path string) {
		if method == "PUT" && path == "/v1/"+at(mount, "data", p.To, "core/api") {
			p.Seed(t, p.To, "core/api", map[string]any{"k": "by hand"})
		}
	}
	err := open(t, config).Copy(t.Context(), evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}, []string{"core/api"})
	wantError(t, err, failure.ErrConflict, "another version than was read")
	if diff := cmp.Diff(map[string]any{"k": "by hand"}, p.Held(t, p.To, "core/api")); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
}

// TestTree: what secret-sync reads.
func TestTree(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"text": "a\nb", "number": 7, "nested": map[string]any{"a": []int{1}}})
	p.Seed(t, p.From, "core/gone", map[string]any{"k": "1"})
	p.Delete(t, p.From, "core/gone")
	p.Seed(t, p.From, "core/empty", map[string]any{})
	tree, err := open(t, l.config()).Read(t.Context(), p.From)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]string{}
	for path, keys := range tree {
		got[path] = map[string]string{}
		for key, value := range keys {
			got[path][key] = value.Reveal()
		}
	}
	want := map[string]map[string]string{"core/api": {"text": "a\nb", "number": "7", "nested": `{"a":[1]}`}, "core/empty": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if tree, err = open(t, l.config()).Read(t.Context(), p.To); err != nil || len(tree) != 0 {
		t.Errorf("an empty root gives %d secrets, %v", len(tree), err)
	}
}
