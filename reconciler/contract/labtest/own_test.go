package labtest

import (
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// What a test is given is there while it runs, and gone or going afterwards.
func TestOwn(t *testing.T) {
	l := Get(t)
	client, err := kubernetes.NewForConfig(l.REST(t, New))
	if err != nil {
		t.Fatal(err)
	}
	var namespace, repository string
	t.Run("has", func(t *testing.T) {
		namespace, repository = l.NewNamespace(t, New), l.NewRepository(t)
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
		if got := status(t, l, repository); got != http.StatusOK {
			t.Errorf("GET %s: %d", repository, got)
		}
	})
	found, err := client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	if err == nil && found.DeletionTimestamp == nil || err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("namespace %s is not deleted: %v", namespace, err)
	}
	if got := status(t, l, repository); got != http.StatusNotFound {
		t.Errorf("GET %s: %d after the test", repository, got)
	}
}

// status asks git for a repository's page.
func status(t *testing.T, l *Lab, repository string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, repository, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(l.Git.Username, l.Git.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}
