package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// planted is a credential that somebody writes into the new cluster by hand.
const planted = "hunter2-planted"

// TestNoSecretIsShown looks for credentials in everything that the daemon says: its own, also while they are refused, and
// those that it meets in the cluster.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.mark(t, estate.Prepare)
	p.edit(t, p.file("profile", "values.yaml"), "port: 8080", "port: 8080\nenv: {DATABASE_PASSWORD: {value: from-git-s3cret}}")
	p.mark(t, estate.Deploy)
	d := p.start(t)
	p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	p.patch(t, "profile", `[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "`+planted+`"}]`)
	p.await(t, d, "the credential is put right", func(_ scenario.Report) bool {
		return strings.Contains(written(t, *p.object(t, deployments, "profile")), "from-git-s3cret")
	})
	r := p.await(t, d, "the repair is told", func(r scenario.Report) bool { return len(r.Repaired) > 0 })
	var shown strings.Builder
	for _, set := range r.Repaired[0].Drift.Sets {
		for _, diff := range set.Plan.Apply {
			shown.WriteString(diff.Diff)
		}
	}
	if !strings.Contains(shown.String(), "***") {
		t.Errorf("the report shows no masked difference: %s", shown.String())
	}
	said := answers(t, d)
	if err := d.Stop(); err != nil {
		t.Error(err)
	}

	secrets := p.secrets(t)
	token := filepath.Join(p.Dir, "git-token")
	wrong := strings.Repeat("0badc0de", 5)
	if err := os.WriteFile(token, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	d = p.start(t) // it has a clone, so it starts; nothing can be fetched
	awaitStatus(t, d, "/readyz", http.StatusServiceUnavailable)
	said += answers(t, d)
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	said += p.log.String()

	secrets["a wrong token"], secrets["a credential in the cluster"], secrets["a credential in git"] = wrong, planted, "from-git-s3cret"
	for what, text := range secrets {
		if strings.Contains(said, text) {
			t.Errorf("the daemon shows %s", what)
		}
	}
}

// answers is everything that the daemon says over HTTP.
func answers(t *testing.T, d *scenario.Daemon) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/v1/migrations"} {
		_, text := get(t, d, path)
		all.WriteString(text)
	}
	return all.String()
}
