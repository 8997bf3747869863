package kube

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// SecretKey reads one key of a Secret, whoever made it, and tells which of the candidates it equals, byte for byte: the index
// of the first, or -1 for none of them. The answer is the API server's own, not a cache's: Pods that start now read the
// same. A Secret or key that is not there is failure.ErrNotFound; that we may not read it is failure.ErrRefused. The
// value is compared, and is in no error.
func (k *Cluster) SecretKey(ctx context.Context, secret object.Ref, key string, candidates []string) (int, error) {
	ref := object.Ref{Version: "v1", Kind: "Secret", Namespace: secret.Namespace, Name: secret.Name}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	have, err := k.core.Secrets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return -1, wrap("read a key of", ref, err)
	}
	value, there := have.Data[key]
	if !there {
		return -1, fmt.Errorf("read key %s of %s: %w: it has no such key", key, ref, failure.ErrNotFound)
	}
	return slices.Index(candidates, string(value)), nil
}
