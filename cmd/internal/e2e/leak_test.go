package e2e

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover/cmd/internal/lab/scenario"
	"cutover/reconciler/contract/labtest"
)

// leaks is all that is said and kept during a migration, in which no secret may be. Each source has a text that must be
// in it: otherwise the search looks at nothing.
type leaks struct {
	*moving
	said map[string]*source
}

type source struct {
	control string
	text    strings.Builder
}

func (m *moving) newLeaks() *leaks { return &leaks{m, map[string]*source{}} }

func (l *leaks) add(what, control, text string) {
	if l.said[what] == nil {
		l.said[what] = &source{control: control}
	}
	l.said[what].text.WriteString(text + "\n")
}

// listen keeps what the daemon says over HTTP now.
func (l *leaks) listen(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	for path, control := range map[string]string{"/api/v1/migrations": l.migration.Branch, "/metrics": "cutover_deployments_total", "/": "", "/healthz": "ok", "/readyz": ""} {
		_, text := get(t, d, path)
		l.add("GET "+path, control, text)
	}
}

// ask keeps what the commands print.
func (l *leaks) ask(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	for command, control := range map[string]string{
		"status": l.migration.Branch, "plan": l.migration.Branch, "drift": l.migration.Branch, "history": "pull request #",
		"status -o json": l.migration.Branch, "plan -o json": l.migration.Branch, "drift -o json": l.migration.Branch, "history -o json": "pull request #",
	} {
		l.add("cutover "+command, control, l.cutover(t, d, strings.Fields(command)...))
	}
}

// checkSecrets checks that the secrets are where they should be: otherwise there is nothing to search for.
func (m *moving) checkSecrets(t *testing.T) {
	t.Helper()
	client, err := kubernetes.NewForConfig(labtest.Get(t).REST(t, labtest.New))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := client.CoreV1().Secrets(m.core()).Get(t.Context(), "api-db", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(secret.Data["password"]), m.hidden) {
		t.Errorf("Secret api-db of the new cluster has not the value that Vault has")
	}
	secret, err = client.CoreV1().Secrets(m.core()).Get(t.Context(), "api-match", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(secret.Data["MATCH_ADDR"]); got != "match.old.example.com:7000" {
		t.Errorf("the new cluster's api talks to %s after the freeze", got)
	}
}

// search looks for the secrets, once nothing more is written.
func (l *leaks) search(t *testing.T) {
	t.Helper()
	l.add("the daemon's log", l.migration.Branch, l.log.String())
	l.add("the log of secret-sync", l.core(), l.synclog.String())
	l.readHost(t)
	l.readState(t)
	l.add("the history of the values repository", "Cutover-Phase: canary", l.clone(t).git(t, "log", "--all", "-p"))
	password := l.hidden
	encoded := base64.StdEncoding.EncodeToString([]byte(password))[:len(password)/3*4]
	for what, s := range l.said {
		all := s.text.String()
		if !strings.Contains(all, s.control) {
			t.Errorf("%s has no %q: the search would find nothing there\n%.500s", what, s.control, all)
		}
		for _, secret := range []string{password, encoded, l.Lab.Vault.Token, l.Lab.Git.Token} {
			if strings.Contains(all, secret) {
				t.Errorf("%s shows a secret", what)
			}
		}
		t.Logf("searched %7d bytes of %s", len(all), what)
	}
}

// readHost keeps every pull request, comment and status.
func (l *leaks) readHost(t *testing.T) {
	t.Helper()
	reviews, err := l.Reviews(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range reviews {
		l.add("pull requests", "Merging this moves migration", p.Title+"\n"+p.Body)
		list, err := l.Said(t.Context(), p.Number)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			l.add("comments", "### Plan: ", c.Body)
		}
		statuses, err := l.Statuses(t.Context(), p.Sha)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statuses {
			l.add("statuses", "cutover/", strings.Join([]string{s.Context, s.State, s.Description, strconv.Itoa(p.Number)}, " "))
		}
	}
}

// readState keeps the files of the daemon's state: the journal above all.
func (l *leaks) readState(t *testing.T) {
	t.Helper()
	state := filepath.Join(l.Dir, "state")
	err := filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		name, _ := filepath.Rel(state, path)
		if first, _, below := strings.Cut(name, string(filepath.Separator)); below {
			name, data = first+"/...", append(data, '\n')
		}
		control := ""
		if strings.HasPrefix(name, "journal") && len(data) > 0 && !strings.HasSuffix(name, "-shm") {
			control = "copy-secrets"
		}
		l.add("state file "+name, control, string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := l.said["state file journal.db"]; !ok {
		t.Errorf("there is no journal in %s", state)
	}
}
