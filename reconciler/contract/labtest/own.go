package labtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

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
	want := map[string]any{"name": name, "private": true, "default_branch": "main"}
	if err := l.Git.call(tb.Context(), http.MethodPost, "/user/repos", want); err != nil {
		tb.Fatalf("create a repository: %v", err)
	}
	path := l.Git.Username + "/" + name
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if err := l.Git.call(ctx, http.MethodDelete, "/repos/"+path, nil); err != nil {
			tb.Errorf("delete repository %s: %v", path, err)
		}
	})
	return l.Git.URL + "/" + path + ".git"
}

// call makes one call of Gitea's API.
func (g Git) call(ctx context.Context, method, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, g.URL+"/api/v1"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "token "+g.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	return nil
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// Unique makes a DNS-1123 label that begins with the test's name, so that a person who looks into the lab knows whose it
// is.
func Unique(tb testing.TB) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(tb.Name()), "-"), "-")
	suffix := strings.ToLower(rand.Text()[:8])
	return fmt.Sprintf("%.40s-%s", name, suffix)
}
