package secretsync

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/contract/labtest"
)

// TestRun: the whole program, from its start to its stop: what somebody does by hand is put right at once, even while
// Vault is away.
func TestRun(t *testing.T) {
	b := newBench(t, labtest.New)
	b.put(t, b.namespace+"/api", map[string]any{"k": "1"})
	b.proxy.failing(everything)

	c := b.config
	c.Interval, c.Listen = time.Second, "127.0.0.1:0"
	listening := make(chan net.Addr, 1)
	c.Listening = func(a net.Addr) { listening <- a }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	base := "http://" + (<-listening).String()
	status := func(path string) (int, string) {
		t.Helper()
		response, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	if code, _ := status("/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d while Vault is away", code)
	}
	if code, _ := status("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d before Vault was read", code)
	}
	b.proxy.failing(nil)
	eventually(t, "the Secret is made", func() bool { return b.holds(t, "api", map[string]string{"k": "1"}) })
	eventually(t, "the program is ready", func() bool { code, _ := status("/readyz"); return code == http.StatusOK })
	b.put(t, b.namespace+"/api", map[string]any{"k": "2"})
	eventually(t, "the Secret follows Vault", func() bool { return b.holds(t, "api", map[string]string{"k": "2"}) })

	b.proxy.failing(everything)
	secrets := b.kube.CoreV1().Secrets(b.namespace)
	if _, err := secrets.Patch(t.Context(), "api", types.MergePatchType, []byte(`{"data":{"k":"WA=="}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the edit is put right", func() bool { return b.holds(t, "api", map[string]string{"k": "2"}) })
	if err := secrets.Delete(t.Context(), "api", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the deletion is put right", func() bool { return b.holds(t, "api", map[string]string{"k": "2"}) })
	eventually(t, "failed passes are counted", func() bool {
		_, text := status("/metrics")
		return strings.Contains(text, `secret_sync_passes_total{result="failed"} `) && !strings.Contains(text, `secret_sync_passes_total{result="failed"} 0`)
	})
	if code, _ := status("/readyz"); code != http.StatusOK {
		t.Errorf("readyz: %d while Vault is away, after it was read", code)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(patience):
		t.Error("it does not stop")
	}
	b.wantHeld(t, "api", map[string]string{"k": "2"})
}

// TestMainOnce: the program as a person starts it in a pipeline.
func TestMainOnce(t *testing.T) {
	b := newBench(t, labtest.New)
	b.put(t, b.namespace+"/api", map[string]any{"k": "1"})
	env := func(name string) string {
		return map[string]string{"VAULT_ADDR": b.proxy.URL, "VAULT_TOKEN": b.lab.Vault.Token}[name]
	}
	run := func() (int, string) {
		var out, errOut buffer
		args := []string{"--once", "--root", b.config.Root, "--kubeconfig", b.lab.Clusters[labtest.New].Kubeconfig, "--instance", b.config.Instance, "--listen", ""}
		code := Main(t.Context(), args, env, &out, &errOut, "dev")
		return code, errOut.String()
	}
	if code, text := run(); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	b.wantHeld(t, "api", map[string]string{"k": "1"})
	b.proxy.failing(everything)
	if code, text := run(); code != exitError || !strings.Contains(text, "Vault is sealed") || strings.Contains(text, b.lab.Vault.Token) {
		t.Errorf("exit code %d while Vault is sealed:\n%s", code, text)
	}
}
