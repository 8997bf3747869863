package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"cutover/reconciler/contract/labtest"
)

// prometheusConfig reads the pages that the file of targets names every second, and has one rule, so that an alarm of
// the old cluster can be seen to be silenced: it fires as soon as a cluster answers 5xx.
const prometheusConfig = `
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: {lab: %[1]s}
rule_files: [rules.yml]
alerting:
  alert_relabel_configs:
    - {action: labeldrop, regex: lab}
  alertmanagers:
    - static_configs: [{targets: [%[2]q]}]
scrape_configs:
  - job_name: edge
    file_sd_configs: [{files: [targets.json]}]
`

const prometheusRules = `
groups:
  - name: edge
    rules:
      - alert: ServerErrors
        expr: sum by (cluster) (increase(http_requests_total{code=~"5.."}[15s])) > 0
        labels: {severity: page}
`

// startPrometheus starts Prometheus, which sends its alarms to the Alertmanager. It has no targets yet.
func (l *Lab) startPrometheus(ctx context.Context, alertmanager labtest.Alertmanager) (labtest.Prometheus, error) {
	name := rand.Text()
	target, err := url.Parse(alertmanager.URL)
	if err != nil {
		return labtest.Prometheus{}, fmt.Errorf("configure prometheus: %w", err)
	}
	dir := l.prometheusDir()
	if _, err := writeConfig(dir, "rules.yml", prometheusRules); err != nil {
		return labtest.Prometheus{}, fmt.Errorf("configure prometheus: %w", err)
	}
	file, err := writeConfig(dir, "prometheus.yml", fmt.Sprintf(prometheusConfig, name, target.Host))
	if err != nil {
		return labtest.Prometheus{}, fmt.Errorf("configure prometheus: %w", err)
	}
	ports, err := l.serve(ctx, server{
		name:  "prometheus",
		tier:  1,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			return l.command(ctx, "prometheus",
				"--config.file="+file,
				"--storage.tsdb.path="+filepath.Join(dir, "data"),
				"--web.listen-address=127.0.0.1:"+ports[0],
			)
		},
		ready: func(ctx context.Context, ports []string) error {
			// It answers 503 until it is ready.
			return mentions(ctx, "http://127.0.0.1:"+ports[0]+"/api/v1/status/config", "", name)
		},
	})
	if err != nil {
		return labtest.Prometheus{}, err
	}
	return labtest.Prometheus{URL: "http://127.0.0.1:" + ports[0]}, nil
}

// scrape tells Prometheus what page to read; it watches the file. So it need not wait for the edge, nor the edge for it.
func (l *Lab) scrape(page string) error {
	target, err := url.Parse(page)
	if err != nil {
		return fmt.Errorf("tell prometheus its target: %w", err)
	}
	targets, err := json.Marshal([]any{map[string]any{
		"targets": []string{target.Host},
		"labels":  map[string]string{"__scheme__": target.Scheme, "__metrics_path__": target.Path},
	}})
	if err != nil {
		return fmt.Errorf("tell prometheus its target: %w", err)
	}
	file := filepath.Join(l.prometheusDir(), "targets.json")
	if err := os.WriteFile(file+".tmp", targets, 0o600); err != nil {
		return fmt.Errorf("tell prometheus its target: %w", err)
	}
	if err := os.Rename(file+".tmp", file); err != nil {
		return fmt.Errorf("tell prometheus its target: %w", err)
	}
	return nil
}

func (l *Lab) prometheusDir() string { return filepath.Join(l.state.dir, "prometheus") }
