package secretsync

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"cutover/reconciler/contract/labtest"
)

// TestPass: Vault's secrets become Secrets, in both clusters, and follow them.
func TestPass(t *testing.T) {
	for _, cluster := range []string{labtest.Old, labtest.New} {
		t.Run(cluster, func(t *testing.T) {
			b := newBench(t, cluster)
			b.put(t, b.namespace+"/api", map[string]any{"user": "ü\n", "number": 7, "nested": map[string]any{"a": true}})
			b.put(t, b.namespace+"/db", map[string]any{"url": "postgres://db"})
			b.ok(t)
			b.wantHeld(t, "api", map[string]string{"user": "ü\n", "number": "7", "nested": `{"a":true}`})
			b.wantHeld(t, "db", map[string]string{"url": "postgres://db"})
			b.count(t, b.namespace, Synced, 2)
			if at, ok := b.metric(t, "secret_sync_last_success_timestamp_seconds", map[string]string{"namespace": b.namespace}); !ok || at == 0 {
				t.Error("the namespace has no time of its last success")
			}
			before := b.get(t, "api")
			if before.Annotations[AnnotationPath] != "k8s-secret/"+b.root+"/"+b.namespace+"/api" {
				t.Errorf("annotations: %v", before.Annotations)
			}
			b.ok(t)
			if after := b.get(t, "api"); after.ResourceVersion != before.ResourceVersion {
				t.Error("a pass without a difference wrote")
			}
			if writes, _ := b.metric(t, "secret_sync_writes_total", map[string]string{"verb": "write"}); writes != 2 {
				t.Errorf("%v writes, want 2", writes)
			}
			b.put(t, b.namespace+"/api", map[string]any{"user": "other"})
			b.ok(t)
			b.wantHeld(t, "api", map[string]string{"user": "other"})
			b.drop(t, b.namespace+"/api")
			b.ok(t)
			if b.get(t, "api") != nil {
				t.Error("what Vault no longer has is still there")
			}
			b.wantHeld(t, "db", map[string]string{"url": "postgres://db"})
		})
	}
}

// TestNothingIsLostWhileVaultIsAway: what cannot be read, or is read in part, changes nothing.
func TestNothingIsLostWhileVaultIsAway(t *testing.T) {
	b := newBench(t, labtest.New)
	b.many(t, 10)
	b.ok(t)
	held := func(t *testing.T) {
		t.Helper()
		for _, s := range []string{"s0", "s3", "s9"} {
			b.wantHeld(t, s, map[string]string{"k": s[1:]})
		}
		if n := len(b.cluster.ours()); n != 10 {
			t.Errorf("%d Secrets are left of 10", n)
		}
	}
	b.drop(t, b.namespace+"/s5")
	for text, fail := range map[string]func(string) bool{
		"Vault is sealed": everything,
		"list ":           func(path string) bool { return strings.HasSuffix(path, "/metadata/"+b.root+"/"+b.namespace) },
		"read ":           func(path string) bool { return strings.HasSuffix(path, "/data/"+b.root+"/"+b.namespace+"/s3") },
	} {
		b.proxy.failing(fail)
		b.fails(t, text)
		held(t)
	}
	b.proxy.failing(nil)
	t.Run("an empty root is a mistake", func(t *testing.T) {
		c := b.config
		c.Root += "-mistyped"
		b.start(t, c)
		b.fails(t, "nothing is changed")
		held(t)
	})
	t.Run("so is a root without NAMESPACE/NAME", func(t *testing.T) {
		c := b.config
		c.Root = "k8s-secret/" + b.root + "/" + b.namespace
		b.start(t, c)
		b.fails(t, "nothing is changed")
		held(t)
	})
	t.Run("back again, it goes on", func(t *testing.T) {
		c := b.config
		c.Root = "k8s-secret/" + b.root
		b.start(t, c)
		b.ok(t)
		if b.get(t, "s5") != nil {
			t.Error("what Vault no longer has is still there")
		}
	})
	t.Run("a secret whose keys are gone empties nothing", func(t *testing.T) {
		b.put(t, b.namespace+"/s0", map[string]any{})
		b.put(t, b.namespace+"/s3", map[string]any{"k": "3", "a b": "1"})
		b.ok(t)
		b.wantHeld(t, "s0", map[string]string{"k": "0"})
		b.wantHeld(t, "s3", map[string]string{"k": "3"})
		b.count(t, b.namespace, Empty, 1)
		b.count(t, b.namespace, Invalid, 1)
	})
}

// TestDeletionsAreLimited: more than the share at once is refused, and so is any deletion in a pass that failed in part.
func TestDeletionsAreLimited(t *testing.T) {
	b := newBench(t, labtest.New)
	b.many(t, 10)
	b.ok(t)
	for _, s := range []string{"/s0", "/s1", "/s2", "/s3"} {
		b.drop(t, b.namespace+s)
	}
	b.fails(t, "4 of our 10 Secrets are gone from Vault, and at most 30% may be deleted at once")
	b.count(t, b.namespace, Withheld, 4)
	b.put(t, b.namespace+"/s3", map[string]any{"k": "3"})
	b.put(t, b.namespace+"/large", map[string]any{"k": strings.Repeat("x", 1<<20+1)})
	b.fails(t, "create Secret "+b.namespace+"/large: 422")
	b.count(t, b.namespace, Failed, 1)
	b.count(t, b.namespace, Withheld, 3)
	if n := len(b.cluster.ours()); n != 10 {
		t.Errorf("%d Secrets are left of 10", n)
	}
	b.drop(t, b.namespace+"/large")
	b.ok(t)
	b.count(t, b.namespace, Withheld, 0)
	if n := len(b.cluster.ours()); n != 7 {
		t.Errorf("%d Secrets are left, want 7", n)
	}
}

// TestForeignSecretsAreNotTouched: without our labels a Secret is somebody else's, also if it was ours.
func TestForeignSecretsAreNotTouched(t *testing.T) {
	b := newBench(t, labtest.New)
	secrets := b.kube.CoreV1().Secrets(b.namespace)
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "theirs", Labels: map[string]string{LabelManagedBy: ManagedBy, LabelInstance: "another"}}, Data: map[string][]byte{"k": []byte("theirs")}}
	if _, err := secrets.Create(t.Context(), theirs, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.put(t, b.namespace+"/theirs", map[string]any{"k": "ours"})
	b.put(t, b.namespace+"/api", map[string]any{"k": "1"})
	b.ok(t)
	b.ok(t)
	b.wantHeld(t, "theirs", map[string]string{"k": "theirs"})
	b.wantHeld(t, "api", map[string]string{"k": "1"})
	b.count(t, b.namespace, Conflict, 1)
	if told := strings.Count(b.log.String(), "state=conflict"); told != 1 {
		t.Errorf("the conflict was told %d times, want once", told)
	}
	if _, ok := b.metric(t, "secret_sync_last_success_timestamp_seconds", map[string]string{"namespace": b.namespace}); ok {
		t.Error("a namespace with a conflict counts as a success")
	}
	release := []byte(`{"metadata":{"labels":{"` + LabelInstance + `":null}}}`)
	if _, err := secrets.Patch(t.Context(), "api", types.MergePatchType, release, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	b.seen(t)
	b.put(t, b.namespace+"/api", map[string]any{"k": "2"})
	b.ok(t)
	b.wantHeld(t, "api", map[string]string{"k": "1"})
	b.count(t, b.namespace, Conflict, 2)
}

// TestNamespaces: a namespace that is not there is reported, or created if that is asked for.
func TestNamespaces(t *testing.T) {
	b := newBench(t, labtest.New)
	absent := labtest.Unique(t)
	t.Cleanup(func() { _ = b.kube.CoreV1().Namespaces().Delete(t.Context(), absent, metav1.DeleteOptions{}) })
	b.put(t, b.namespace+"/api", map[string]any{"k": "1"})
	b.put(t, absent+"/api", map[string]any{"k": "1"})
	b.ok(t)
	b.wantHeld(t, "api", map[string]string{"k": "1"})
	b.count(t, absent, NoNamespace, 1)
	c := b.config
	c.CreateNamespaces = true
	b.start(t, c)
	b.ok(t)
	b.count(t, absent, Synced, 1)
	b.namespace = absent
	b.wantHeld(t, "api", map[string]string{"k": "1"})
}

// TestAnotherRoot: pointed at another root, as at the swap, the program goes on with the Secrets that it has.
func TestAnotherRoot(t *testing.T) {
	b := newBench(t, labtest.New)
	b.put(t, b.namespace+"/api", map[string]any{"k": "copy"})
	b.ok(t)
	before := b.get(t, "api")
	c := b.config
	b.root += "-original"
	c.Root = "k8s-secret/" + b.root
	b.put(t, b.namespace+"/api", map[string]any{"k": "original"})
	b.start(t, c)
	b.ok(t)
	b.wantHeld(t, "api", map[string]string{"k": "original"})
	if after := b.get(t, "api"); after.UID != before.UID {
		t.Error("the Secret was made anew")
	}
}

// TestRepair: whatever is edited by hand is put right, also where another manager then owns the field.
func TestRepair(t *testing.T) {
	b := newBench(t, labtest.New)
	want := map[string]string{"k": "1", "l": "2"}
	b.put(t, b.namespace+"/api", map[string]any{"k": "1", "l": "2"})
	b.ok(t)
	for name, patch := range map[string]string{
		"a value":            `{"data":{"k":"WA=="}}`,
		"a key too much":     `{"data":{"more":"WA=="}}`,
		"a key too few":      `{"data":{"l":null}}`,
		"all of them":        `{"data":null}`,
		"all, and one more":  `{"data":{"k":null,"l":null,"more":"WA=="}}`,
		"where it came from": `{"metadata":{"annotations":{"` + AnnotationPath + `":"elsewhere"}}}`,
	} {
		if _, err := b.kube.CoreV1().Secrets(b.namespace).Patch(t.Context(), "api", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "by-hand"}); err != nil {
			t.Fatal(err)
		}
		b.seen(t)
		b.repair(t.Context(), nameOf(b.get(t, "api")))
		b.seen(t)
		b.wantHeld(t, "api", want)
		if !b.cluster.equal(b.get(t, "api"), nameOf(b.get(t, "api")), b.last.secrets[nameOf(b.get(t, "api"))]) {
			t.Errorf("%s: not put right", name)
		}
	}
	// Keys that repairs took over still go when Vault drops them.
	b.put(t, b.namespace+"/api", map[string]any{"l": "2"})
	b.ok(t)
	b.wantHeld(t, "api", map[string]string{"l": "2"})
}

// TestNothingIsTold: a planted value is in no log line, metric or error.
func TestNothingIsTold(t *testing.T) {
	b := newBench(t, labtest.New)
	const planted = "planted-7f3a"
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(b.log, nil))) // as Main has it
	t.Cleanup(klog.ClearLogger)
	b.put(t, b.namespace+"/api", map[string]any{"k": planted, "l": map[string]any{"m": planted}})
	b.put(t, b.namespace+"/large", map[string]any{"k": planted + strings.Repeat("x", 1<<20)})
	b.put(t, b.namespace+"/web", map[string]any{"tls.crt": "-----BEGIN " + planted + "-----\nAAAA\n-----END " + planted + "-----\n", "tls.key": planted})
	b.put(t, b.namespace+"/bad", map[string]any{"a b": planted})
	b.put(t, "none-such/api", map[string]any{"k": planted})
	err := b.pass(t.Context())
	if err == nil {
		t.Fatal("a Secret that is too large was taken")
	}
	b.proxy.failing(everything)
	away := b.pass(t.Context())
	if away == nil {
		t.Fatal("a sealed Vault was read")
	}
	families, gatherErr := b.registry.Gather()
	if gatherErr != nil {
		t.Fatal(gatherErr)
	}
	var metrics bytes.Buffer
	for _, f := range families {
		metrics.WriteString(f.String())
	}
	texts := []string{b.log.String(), err.Error(), away.Error(), metrics.String()}
	if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, planted) }) {
		t.Error("a value is told")
	}
	if _, ok := b.last.secrets[name{b.namespace, "api"}]["k"]; !ok {
		t.Error("the value was not read")
	}
}
