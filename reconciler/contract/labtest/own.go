package labtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-x/go-scm/scm"
	"github.com/jenkins-x/go-scm/scm/driver/gitea"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// cleanupTimeout bounds what a cleanup may take: the servers are local.
const cleanupTimeout = 30 * time.Second

// REST returns the configuration of a client of the named cluster, Old or New, that may do everything.
func (l *Lab) REST(tb testing.TB, cluster string) *rest.Config {
	tb.Helper()
	c, ok := l.Clusters[cluster]
	if !ok {
		tb.Fatalf("the lab has no cluster %q", cluster)
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		tb.Fatalf("read the kubeconfig of cluster %s: %v", cluster, err)
	}
	// The default of 5 requests a second is made for sharing a production cluster.
	config.QPS, config.Burst = 200, 400
	return config
}

// NewNamespace makes a namespace with a unique name in the named cluster and returns the name. The end of the test
// deletes it with all that is in it, without waiting for that.
func (l *Lab) NewNamespace(tb testing.TB, cluster string) string {
	tb.Helper()
	client, err := kubernetes.NewForConfig(l.REST(tb, cluster))
	if err != nil {
		tb.Fatalf("connect to cluster %s: %v", cluster, err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Unique(tb)}}
	if _, err := client.CoreV1().Namespaces().Create(tb.Context(), namespace, metav1.CreateOptions{}); err != nil {
		tb.Fatalf("create a namespace in cluster %s: %v", cluster, err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if err := client.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{}); err != nil {
			tb.Errorf("delete namespace %s of cluster %s: %v", namespace.Name, cluster, err)
		}
	})
	return namespace.Name
}

// NewRepository makes an empty private repository with a unique name, owned by the lab's Git user, whose default branch
// is main. It returns the URL to clone from and push to, without credentials. The end of the test deletes it.
func (l *Lab) NewRepository(tb testing.TB) string {
	tb.Helper()
	name := Unique(tb)
	client, err := l.Git.Client()
	if err != nil {
		tb.Fatalf("connect to the git server: %v", err)
	}
	if _, _, err := client.Repositories.Create(tb.Context(), &scm.RepositoryInput{Name: name, Private: true}); err != nil {
		tb.Fatalf("create a repository: %v", err)
	}
	path := l.Git.Username + "/" + name
	tb.Cleanup(func() {
		if _, err := client.Repositories.Delete(context.WithoutCancel(tb.Context()), path); err != nil {
			tb.Errorf("delete repository %s: %v", path, err)
		}
	})
	return l.Git.URL + "/" + path + ".git"
}

// Client returns a client of the git server's API that may do everything.
func (g Git) Client() (*scm.Client, error) { return gitea.NewWithToken(g.URL, g.Token) }

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// Unique makes a DNS-1123 label that begins with the test's name, so that a person who looks into the lab knows whose it
// is.
func Unique(tb testing.TB) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(tb.Name()), "-"), "-")
	suffix := strings.ToLower(rand.Text()[:8])
	return fmt.Sprintf("%.40s-%s", name, suffix)
}
