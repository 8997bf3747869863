package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/cmd/internal/cli"
	"cutover/cmd/internal/show"
	"cutover/cmd/internal/web"
	"cutover/reconciler"
)

// TestStatusWithoutRepository: without the git host, status prints what the daemon saw last, and fails all the same.
func TestStatusWithoutRepository(t *testing.T) {
	t.Parallel()
	daemon := httptest.NewServer(web.Handler(web.Config{
		Reports: func() []reconciler.Report {
			return []reconciler.Report{{Branch: "migration/eks", Edge: []reconciler.ProxyReport{{Proxy: "edge-1", Weight: 25}}}}
		},
		Text:    func(w io.Writer, reports []reconciler.Report) { show.All(w, reports, show.Status) },
		Ready:   func() error { return nil },
		Metrics: prometheus.NewRegistry(),
		Log:     slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(daemon.Close)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
listen: %s
state: %s
repository: {url: "http://127.0.0.1:1/nothing.git"}
clusters: {old: {kubeconfig: old.kubeconfig}, new: {kubeconfig: new.kubeconfig}}
spinnaker: {gate: "http://127.0.0.1:1", email: platform@example.com}
`, strings.TrimPrefix(daemon.URL, "http://"), dir), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{"text": "edge-1  25 %", "json": `"proxy":"edge-1","weight":25`} {
		var out, errs bytes.Buffer
		code := cli.Run(t.Context(), []string{"status", "-c", config, "-o", format}, cli.Streams{Out: &out, Err: &errs}, "v1")
		if code != 1 || !strings.Contains(out.String(), want) || !strings.Contains(errs.String(), "saw this last") || !strings.Contains(errs.String(), "127.0.0.1:1") {
			t.Errorf("-o %s: exit code %d, want 1 and %q:\n%s%s", format, code, want, &out, &errs)
		}
	}
}
