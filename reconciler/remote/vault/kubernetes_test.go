package vault_test

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
	"cutover/reconciler/remote/vault"
)

// TestKubernetesLogin: a Pod logs in with its service account's token, which Vault has the cluster's API server review.
func TestKubernetesLogin(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})

	cluster := labtest.Get(t).REST(t, labtest.New)
	kube, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		t.Fatal(err)
	}
	namespace := labtest.Get(t).NewNamespace(t, labtest.New)
	token := func(account string) string {
		t.Helper()
		_, err := kube.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		made, err := kube.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, &authv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return made.Status.Token
	}
	reviewer := token("vault")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:auth-delegator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "vault"}},
	}
	if _, err := kube.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kube.RbacV1().ClusterRoleBindings().Delete(t.Context(), namespace, metav1.DeleteOptions{}) })

	auth, policy := labtest.Unique(t), labtest.Unique(t)
	if err := l.admin.Sys().EnableAuthWithOptionsWithContext(t.Context(), auth, &api.EnableAuthOptions{Type: "kubernetes"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.admin.Sys().DisableAuth(auth) })
	if err := l.admin.Sys().PutPolicyWithContext(t.Context(), policy, everything(mount, p.From)); err != nil {
		t.Fatal(err)
	}
	l.put(t, "auth/"+auth+"/config", map[string]any{
		"kubernetes_host": cluster.Host, "kubernetes_ca_cert": string(cluster.CAData), "token_reviewer_jwt": reviewer,
	})
	l.put(t, "auth/"+auth+"/role/secret-sync", map[string]any{
		"bound_service_account_names": "secret-sync", "bound_service_account_namespaces": namespace, "token_policies": policy, "token_ttl": "1h",
	})
	read := func(jwt string) error {
		t.Helper()
		config := l.config()
		config.Auth = vault.Auth{Kubernetes: &vault.Kubernetes{Mount: auth, Role: "secret-sync", JWTFile: jwt}}
		tree, err := open(t, config).Read(t.Context(), p.From)
		if err == nil && len(tree) != 1 {
			t.Errorf("read %d secrets, want 1", len(tree))
		}
		return err
	}
	ours := write(t, token("secret-sync")+"\n")
	err = read(ours)
	// The reviewer's binding takes effect a moment after it was made.
	for end := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(end); err = read(ours) {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
	wantError(t, read(write(t, token("another"))), failure.ErrRefused, "log in to Vault: auth/"+auth+"/login")
}
