package scenario

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/object"
)

// secrets are the Secrets that workloads read, and their keys, by "namespace/name".
type secrets map[string]map[string]bool

// add collects what an object's Pods read from Secrets.
func (s secrets) add(namespace string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["secretKeyRef"].(map[string]any); ok {
			path := namespace + "/" + fmt.Sprint(ref["name"])
			if s[path] == nil {
				s[path] = map[string]bool{}
			}
			s[path][fmt.Sprint(ref["key"])] = true
		}
		for _, child := range v {
			s.add(namespace, child)
		}
	case []any:
		for _, child := range v {
			s.add(namespace, child)
		}
	}
}

func (s secrets) addAll(namespace string, objects []object.Object) {
	for _, o := range objects {
		s.add(namespace, o.Object)
	}
}

// Vault is a client with every right.
func (s *Scenario) Vault() (*api.Client, error) {
	config := api.DefaultConfig()
	config.Address = s.Lab.Vault.Address
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.SetToken(s.Lab.Vault.Token)
	return client, nil
}

// plant puts every secret that the services read into Vault below the old cluster's path, and into the old cluster. Every
// value has s.Planted in it, so that one can search for it wherever none may be.
func (s *Scenario) plant(ctx context.Context, e *estate.Estate, m estate.Migration, wanted secrets) error {
	from, _ := e.Cluster(m.From.Cluster)
	mount, prefix, _ := strings.Cut(from.Secrets, "/")
	vault, err := s.Vault()
	if err != nil {
		return err
	}
	old, err := s.client(labtest.Old)
	if err != nil {
		return err
	}
	addresses := map[string]string{}
	for _, link := range m.Singletons {
		for _, client := range link.Clients {
			if svc, ok := e.Service(m.Product, client); ok {
				addresses[svc.Namespace.String()+"/"+link.Address.Secret+"/"+link.Address.Key] = link.Address.To
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		data := map[string]any{}
		for key := range wanted[path] {
			data[key] = s.Planted + rand.Text()
			if address, ok := addresses[path+"/"+key]; ok {
				data[key] = address // in the old cluster that name leads to the old singleton
			}
		}
		if _, err := vault.KVv2(mount).Put(ctx, prefix+"/"+path, data); err != nil {
			return fmt.Errorf("plant secret %s: %w", path, err)
		}
		if err := putSecret(ctx, old, path, data); err != nil {
			return fmt.Errorf("plant secret %s: %w", path, err)
		}
	}
	return nil
}

func putSecret(ctx context.Context, client kubernetes.Interface, path string, data map[string]any) error {
	namespace, name, _ := strings.Cut(path, "/")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: map[string]string{}}
	for key, value := range data {
		secret.StringData[key] = fmt.Sprint(value)
	}
	_, err := client.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
