package secretsync

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/reconciler/remote/vault"
)

func TestWanted(t *testing.T) {
	value := map[string]vault.Value{"k": vault.NewValue("v")}
	got := wanted(vault.Tree{
		"core/api":         value,
		"core/api.v2-x":    value,
		"core/deep/api":    value,
		"api":              value,
		"core/Api":         value,
		"Core/api":         value,
		"core/a b":         value,
		"core/none":        {},
		"core/bad-key":     {"k": vault.NewValue("v"), "a b": vault.NewValue("v")},
		"core/dots":        {"tls.crt": vault.NewValue("v"), "A_b-c.1": vault.NewValue("v")},
		"core.prod/dotted": value,
	})
	states := map[string]State{}
	for path, p := range got.unusable {
		states[path] = p.state
	}
	want := map[string]State{
		"core/deep/api": Invalid, "api": Invalid, "core/Api": Invalid, "Core/api": Invalid, "core/a b": Invalid, "core/none": Empty,
		"core/bad-key": Invalid, "core.prod/dotted": Invalid,
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("unusable (-want +got):\n%s", diff)
	}
	for _, n := range []name{{"core", "api"}, {"core", "api.v2-x"}, {"core", "dots"}} {
		if _, ok := got.secrets[n]; !ok {
			t.Errorf("%s makes no Secret", n)
		}
	}
	if len(got.secrets) != 3 {
		t.Errorf("%d Secrets, want 3", len(got.secrets))
	}
	if !got.mentions(name{"core", "bad-key"}) || got.mentions(name{"core", "other"}) {
		t.Error("what Vault has in a form that can be no Secret is taken for gone, or the other way round")
	}
}

func TestMayDelete(t *testing.T) {
	for _, test := range []struct{ ours, share, want int }{
		{1, 30, 1}, {3, 30, 1}, {4, 30, 1}, {10, 30, 3}, {100, 30, 30}, {1, 0, 0}, {10, 100, 10}, {5, 10, 0},
	} {
		if got := mayDelete(test.ours, test.share); got != test.want {
			t.Errorf("%d%% of %d are %d, want %d", test.share, test.ours, got, test.want)
		}
	}
}

func TestMainSaysWhatIsWrong(t *testing.T) {
	env := func(name string) string { return map[string]string{"VAULT_ADDR": "http://vault:8200"}[name] }
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"help shows an example":  {[]string{"--help"}, exitOK, "--vault-kubernetes-role secret-sync"},
		"version":                {[]string{"--version"}, exitOK, "v1.2.3"},
		"an unknown flag":        {[]string{"--rot", "x"}, exitBadInput, "unknown flag: --rot"},
		"an argument":            {[]string{"x"}, exitBadInput, `unknown argument "x"`},
		"no cluster":             {[]string{"--root", "a/b"}, exitBadInput, "name a --kubeconfig"},
		"a missing kubeconfig":   {[]string{"--root", "a/b", "--kubeconfig", "/none/such"}, exitBadInput, "/none/such"},
		"a level that is none":   {[]string{"--log-level", "loud"}, exitBadInput, "--log-level is"},
		"a format that is none":  {[]string{"--log-format", "xml"}, exitBadInput, "--log-format is"},
		"a duration that is not": {[]string{"--interval", "often"}, exitBadInput, "interval"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut strings.Builder
			code := Main(t.Context(), test.args, env, &out, &errOut, "v1.2.3")
			if text := out.String() + errOut.String(); code != test.code || !strings.Contains(text, test.want) {
				t.Errorf("exit code %d, want %d, and %q in:\n%s", code, test.code, test.want, text)
			}
		})
	}
}
