package secretsync

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/remote/vault"
)

func TestTypeOf(t *testing.T) {
	for keys, want := range map[string]corev1.SecretType{
		".dockerconfigjson":        corev1.SecretTypeDockerConfigJson,
		".dockerconfigjson more":   corev1.SecretTypeOpaque,
		"tls.crt tls.key":          corev1.SecretTypeTLS,
		"ca.crt tls.crt tls.key":   corev1.SecretTypeTLS,
		"tls.crt":                  corev1.SecretTypeOpaque,
		"ca.crt tls.key":           corev1.SecretTypeOpaque,
		"username password":        corev1.SecretTypeOpaque,
		".dockercfg":               corev1.SecretTypeOpaque,
		".dockerconfigjson.backup": corev1.SecretTypeOpaque,
	} {
		held := content{}
		for _, key := range strings.Fields(keys) {
			held[key] = vault.NewValue("{}")
		}
		if got := typeOf(held); got != want {
			t.Errorf("the type of %s is %s, want %s", keys, got, want)
		}
	}
	for _, value := range []string{"", "eyJhdXRocyI6e319", "[]"} { // the API server would refuse it
		if got := typeOf(content{".dockerconfigjson": vault.NewValue(value)}); got != corev1.SecretTypeOpaque {
			t.Errorf("the type of a pull secret of %q is %s", value, got)
		}
	}
}

func (b *bench) wantType(t *testing.T, secret string, want corev1.SecretType) {
	t.Helper()
	if got := b.get(t, secret); got == nil || got.Type != want {
		t.Errorf("Secret %s is not of the type %s: %v", secret, want, got)
	}
}

// TestTypes: a Secret is made with the type of its keys, and keeps it. What the API server then refuses leaves the
// Secret whole, and is told with what a person has to do.
func TestTypes(t *testing.T) {
	b := newBench(t, labtest.New)
	pull := map[string]any{"auths": map[string]any{"registry.example.com": map[string]any{"auth": "dTpw"}}}
	b.put(t, b.namespace+"/pull", map[string]any{".dockerconfigjson": pull})
	b.put(t, b.namespace+"/web", map[string]any{"tls.crt": "c", "tls.key": "k", "ca.crt": "a"})
	b.put(t, b.namespace+"/api", map[string]any{"tls.crt": "c"})
	b.ok(t)
	b.wantType(t, "pull", corev1.SecretTypeDockerConfigJson)
	b.wantType(t, "web", corev1.SecretTypeTLS)
	b.wantType(t, "api", corev1.SecretTypeOpaque)

	b.put(t, b.namespace+"/api", map[string]any{"tls.crt": "c", "tls.key": "k"})
	b.put(t, b.namespace+"/web", map[string]any{"tls.crt": "c2", "tls.key": "k2"})
	b.ok(t)
	b.wantHeld(t, "api", map[string]string{"tls.crt": "c", "tls.key": "k"})
	b.wantType(t, "api", corev1.SecretTypeOpaque)
	b.wantHeld(t, "web", map[string]string{"tls.crt": "c2", "tls.key": "k2"})

	b.put(t, b.namespace+"/web", map[string]any{"tls.crt": "c3", "more": "m"})
	b.fails(t, "update Secret "+b.namespace+"/web: 422, Invalid, data[tls.key] FieldValueRequired: its type kubernetes.io/tls needs that, "+
		"and a type cannot be changed: delete the Secret, it is made anew as Opaque")
	b.wantHeld(t, "web", map[string]string{"tls.crt": "c2", "tls.key": "k2"})
	b.count(t, b.namespace, Failed, 1)
	if err := b.kube.CoreV1().Secrets(b.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.seen(t)
	b.ok(t)
	b.wantHeld(t, "web", map[string]string{"tls.crt": "c3", "more": "m"})
	b.wantType(t, "web", corev1.SecretTypeOpaque)
}

// TestMarks: our Secrets carry no label by which Argo CD or Helm would take them for theirs.
func TestMarks(t *testing.T) {
	b := newBench(t, labtest.New)
	b.put(t, b.namespace+"/api", map[string]any{"k": "1"})
	b.ok(t)
	want := map[string]string{"app.kubernetes.io/managed-by": "cutover-secret-sync", "cutover.dev/secret-sync": b.config.Instance}
	if got := b.get(t, "api").Labels; !maps.Equal(got, want) {
		t.Errorf("the labels are %v, want %v", got, want)
	}
}

// TestFieldManager: however often a Secret is written, its fields are of one manager, and keys that Vault drops go,
// also those that the Secret was made with.
func TestFieldManager(t *testing.T) {
	b := newBench(t, labtest.New)
	for _, keys := range []map[string]string{{"k": "1", "l": "2", "m": "3"}, {"k": "1", "l": "two"}, {"n": "4"}, {"k": "1", "n": "4"}, {"k": "1"}} {
		data := map[string]any{}
		for key, value := range keys {
			data[key] = value
		}
		b.put(t, b.namespace+"/api", data)
		b.ok(t)
		b.wantHeld(t, "api", keys)
		managed := b.get(t, "api").ManagedFields
		if len(managed) != 1 || managed[0].Manager != FieldManager {
			t.Errorf("the fields are managed by %v, want only %s", managed, FieldManager)
		}
	}
}

// TestRaces: whatever somebody does to a Secret between our look and our write, it is not taken from them.
func TestRaces(t *testing.T) {
	b := newBench(t, labtest.New)
	b.put(t, b.namespace+"/released", map[string]any{"k": "ours"})
	b.put(t, b.namespace+"/replaced", map[string]any{"k": "ours"})
	b.put(t, b.namespace+"/deleted", map[string]any{"k": "ours"})
	b.ok(t)
	secrets := b.kube.CoreV1().Secrets(b.namespace)
	create := func(t *testing.T, secret string) {
		t.Helper()
		theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}, Data: map[string][]byte{"theirs": []byte("1")}}
		if _, err := secrets.Create(t.Context(), theirs, metav1.CreateOptions{FieldManager: "another"}); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, secret string) {
		t.Helper()
		if err := secrets.Delete(t.Context(), secret, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for secret, test := range map[string]struct {
		meanwhile func(t *testing.T, secret string)
		want      string
	}{
		"created": {create, "409, AlreadyExists"},
		"replaced": {func(t *testing.T, secret string) {
			t.Helper()
			remove(t, secret)
			create(t, secret)
		}, "409, Conflict"},
		"released": {func(t *testing.T, secret string) {
			t.Helper()
			release := []byte(`{"metadata":{"labels":{"` + LabelInstance + `":null}},"data":{"k":"WA=="}}`)
			if _, err := secrets.Patch(t.Context(), secret, types.MergePatchType, release, metav1.PatchOptions{FieldManager: "another"}); err != nil {
				t.Fatal(err)
			}
		}, "409, Conflict"},
		"deleted": {remove, "404, NotFound"},
	} {
		t.Run(secret, func(t *testing.T) {
			var before *corev1.Secret
			wrote, err := b.cluster.ensure(t.Context(), name{b.namespace, secret}, content{"k": vault.NewValue("new")}, func() bool {
				test.meanwhile(t, secret)
				before = b.get(t, secret)
				return true
			})
			if wrote || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("wrote is %t and the error %v, want none written and an error that says %q", wrote, err, test.want)
			}
			after := b.get(t, secret)
			if (before == nil) != (after == nil) || before != nil && (before.UID != after.UID || before.ResourceVersion != after.ResourceVersion) {
				t.Errorf("it was touched: %v", after)
			}
		})
	}
	// The next look tells whose they are.
	b.seen(t)
	for _, secret := range []string{"created", "deleted", "replaced", "released"} {
		b.put(t, b.namespace+"/"+secret, map[string]any{"k": "new"})
	}
	b.ok(t)
	b.count(t, b.namespace, Conflict, 3)
	b.wantHeld(t, "deleted", map[string]string{"k": "new"})
	b.wantHeld(t, "created", map[string]string{"theirs": "1"})
	if managers := b.get(t, "created").ManagedFields; slices.ContainsFunc(managers, func(m metav1.ManagedFieldsEntry) bool { return m.Manager == FieldManager }) {
		t.Errorf("we manage fields of somebody else's Secret: %v", managers)
	}
}
