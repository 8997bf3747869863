package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"cutover/reconciler/contract/labtest"
)

// TestLab starts one lab and tries everything in it; at last a server dies.
func TestLab(t *testing.T) {
	l, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	description, err := labtest.Read(l.File())
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range []string{labtest.Old, labtest.New} {
		t.Run("deployment in "+cluster, func(t *testing.T) { testDeployment(t, description, cluster) })
		t.Run("mesh in "+cluster, func(t *testing.T) { testMesh(t, description, cluster) })
	}
	t.Run("git", func(t *testing.T) { testGit(t, description) })
	t.Run("vault", func(t *testing.T) { testVault(t, description.Vault) })
	t.Run("gate", func(t *testing.T) { testGate(t, description.Gate) })
	t.Run("describe", func(t *testing.T) {
		if text := l.Describe(); !strings.Contains(text, description.Git.URL) {
			t.Errorf("the description for people lacks the address of git:\n%s", text)
		}
	})
	t.Run("server dies", func(t *testing.T) { testDeath(t, l) })
	t.Run("close", func(t *testing.T) {
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if left := processesIn(t, description.Dir); len(left) > 0 {
			t.Errorf("processes outlived the lab: %v", left)
		}
		if _, err := os.Stat(description.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the state directory outlived the lab: %v", err)
		}
	})
}

func testDeployment(t *testing.T, l *labtest.Lab, cluster string) {
	client, err := kubernetes.NewForConfig(l.REST(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app": "web"}
	replicas := int32(10)
	deployments := client.AppsV1().Deployments(l.NewNamespace(t, cluster))
	_, err = deployments.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		d, err := deployments.Get(ctx, "web", metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas != replicas {
			err = fmt.Errorf("%d of %d Pods are ready", d.Status.ReadyReplicas, replicas)
		}
		return err
	})
}

func testMesh(t *testing.T, l *labtest.Lab, cluster string) {
	client, err := kubernetes.NewForConfig(l.REST(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.Discovery().ServerResourcesForGroupVersion("networking.istio.io/v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range list.APIResources {
		if resource.Kind == "VirtualService" {
			return
		}
	}
	t.Error("VirtualService is not served")
}

func testGit(t *testing.T, l *labtest.Lab) {
	repository, err := url.Parse(l.NewRepository(t))
	if err != nil {
		t.Fatal(err)
	}
	repository.User = url.UserPassword(l.Git.Username, l.Git.Token)
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--initial-branch=main", "pushed")
	git("-C", "pushed", "-c", "user.name=t", "-c", "user.email=t@lab.invalid", "commit", "--allow-empty", "-m", "first")
	git("-C", "pushed", "push", repository.String(), "main")
	git("clone", repository.String(), "pulled")
	if pushed, pulled := git("-C", "pushed", "rev-parse", "HEAD"), git("-C", "pulled", "rev-parse", "HEAD"); pushed != pulled {
		t.Errorf("pushed %s, pulled %s", pushed, pulled)
	}
}

func testVault(t *testing.T, v labtest.Vault) {
	path := v.Address + "/v1/k8s-secret/data/orbit-prod/core/api"
	write := map[string]any{"data": map[string]string{"address": "match.core:7000"}}
	if err := callJSON(t.Context(), http.MethodPost, path, "X-Vault-Token", v.Token, write); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Data struct{ Data map[string]string }
	}
	getJSON(t, path, v.Token, &read)
	if got := read.Data.Data["address"]; got != "match.core:7000" {
		t.Errorf("read %q", got)
	}
}

func testGate(t *testing.T, g labtest.Gate) {
	var accounts []struct{ Name string }
	getJSON(t, g.URL+"/credentials", "", &accounts)
	var names []string
	for _, account := range accounts {
		names = append(names, account.Name)
	}
	slices.Sort(names)
	if want := []string{"orbit-dev", "orbit-prod", "orbit-prod2"}; !slices.Equal(names, want) {
		t.Errorf("Gate knows the accounts %v, want %v", names, want)
	}
}

// getJSON reads an answer of Vault, or of a server that ignores the token.
func getJSON(t *testing.T, url, token string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Vault-Token", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func testDeath(t *testing.T, l *Lab) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	died := make(chan error, 1)
	go func() { died <- l.Wait(ctx) }()
	victim := l.processes[0][0]
	if err := victim.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err := <-died
	if err == nil || !strings.Contains(err.Error(), "etcd ended: signal: killed") || !strings.Contains(err.Error(), "etcd.log") {
		t.Errorf("got %v, want the name of the server, how it ended and its log", err)
	}
}

// eventually repeats try until it succeeds, for a minute at most.
func eventually(t *testing.T, try func(context.Context) error) {
	t.Helper()
	last := errors.New("never tried")
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Errorf("%v: %v", err, last)
	}
}

// processesIn lists the processes whose working directory is dir or below it, as those of a lab are.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}
