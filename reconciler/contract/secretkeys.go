package contract

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// SecretKeys holds an implementation to that part of the contract of the port Workloads that is about Secrets. Of the bench
// it uses Cluster, Namespace, Create and Delete.
func SecretKeys(t *testing.T, open func(t *testing.T) ClusterBench) {
	for name, check := range map[string]func(ClusterBench, *testing.T){
		"a key of somebody's Secret is compared":     ClusterBench.secretCompared,
		"what a Secret says now is compared":         ClusterBench.secretChanged,
		"a Secret that does not exist is not found":  ClusterBench.secretMissing,
		"a key that a Secret lacks is not found":     ClusterBench.secretKeyMissing,
		"no error shows what is compared, or a text": ClusterBench.secretNotShown,
	} {
		t.Run(name, func(t *testing.T) { check(open(t), t) })
	}
}

// What the Secret of these tests says.
const (
	secretName  = "conductor"
	addressKey  = "CONDUCTOR_ADDRESS"
	oldAddress  = "conductor.old.example.com:7000"
	newAddress  = "conductor.new.example.com:7000"
	secretOther = "correct horse"
)

// secret is a Secret without any label, as secret-sync or a person makes it.
func (b ClusterBench) secret(address string) object.Object {
	data := map[string]any{}
	for key, value := range map[string]string{addressKey: address, "PASSWORD": secretOther, "EMPTY": ""} {
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data}}
	o.SetNamespace(b.Namespace)
	o.SetName(secretName)
	return o
}

func (b ClusterBench) wantKey(t *testing.T, key string, candidates []string, want int) {
	t.Helper()
	got, err := b.Cluster.SecretKey(t.Context(), object.RefOf(b.secret("")), key, candidates)
	if err != nil || got != want {
		t.Errorf("key %s is candidate %d, %v, want %d", key, got, err, want)
	}
}

func (b ClusterBench) secretCompared(t *testing.T) {
	b.Create(b.secret(newAddress))
	for _, test := range []struct {
		candidates []string
		want       int
	}{
		{[]string{oldAddress, newAddress}, 1},
		{[]string{newAddress, oldAddress, newAddress}, 0},
		{[]string{oldAddress}, -1},
		{[]string{"", newAddress[:5], newAddress + " ", newAddress + "\n", strings.ToUpper(newAddress)}, -1},
		{nil, -1},
	} {
		b.wantKey(t, addressKey, test.candidates, test.want)
	}
	b.wantKey(t, "EMPTY", []string{newAddress, ""}, 1)
}

func (b ClusterBench) secretChanged(t *testing.T) {
	for i, address := range []string{oldAddress, newAddress} {
		b.Create(b.secret(address))
		b.wantKey(t, addressKey, []string{oldAddress, newAddress}, i)
		b.Delete(object.RefOf(b.secret("")))
		_, err := b.Cluster.SecretKey(t.Context(), object.RefOf(b.secret("")), addressKey, nil)
		wantError(t, err, failure.ErrNotFound)
	}
}

func (b ClusterBench) secretMissing(t *testing.T) {
	for _, namespace := range []string{b.Namespace, "yet-to-be-made"} {
		ref := object.RefOf(b.secret(""))
		ref.Namespace = namespace
		_, err := b.Cluster.SecretKey(t.Context(), ref, addressKey, []string{oldAddress})
		wantError(t, err, failure.ErrNotFound)
	}
}

func (b ClusterBench) secretKeyMissing(t *testing.T) {
	b.Create(b.secret(oldAddress))
	for _, key := range []string{"address", strings.ToLower(addressKey), ""} {
		_, err := b.Cluster.SecretKey(t.Context(), object.RefOf(b.secret("")), key, []string{"", oldAddress})
		wantError(t, err, failure.ErrNotFound)
	}
}

func (b ClusterBench) secretNotShown(t *testing.T) {
	b.Create(b.secret(oldAddress))
	missing := object.RefOf(b.secret(""))
	missing.Name = "nobody"
	_, first := b.Cluster.SecretKey(t.Context(), missing, addressKey, []string{newAddress})
	_, second := b.Cluster.SecretKey(t.Context(), object.RefOf(b.secret("")), "address", []string{newAddress})
	text := errors.Join(first, second).Error()
	for _, value := range []string{oldAddress, newAddress, secretOther} {
		if strings.Contains(text, value) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(value))) {
			t.Errorf("the errors show %q", value)
		}
	}
	for _, place := range []string{"nobody", secretName, "address", b.Namespace} {
		if !strings.Contains(text, place) {
			t.Errorf("the errors do not say %q: %s", place, text)
		}
	}
}
