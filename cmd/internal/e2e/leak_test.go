package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover/cmd/internal/lab/scenario"
	"cutover/reconciler/contract/labtest"
)

// leaks is all that is said and kept during a migration, in which no secret may be. Each source has a text that must be
// in it: otherwise the search looks at nothing.
type leaks struct {
	*moving

	mu   sync.Mutex // guards what follows
	said map[string]*source
}

type source struct {
	control string
	text    strings.Builder
}

func newLeaks() *leaks { return &leaks{said: map[string]*source{}} }

func (l *leaks) add(what, control, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said[what] == nil {
		l.said[what] = &source{control: control}
	}
	l.said[what].text.WriteString(text + "\n")
}

// of begins to collect of a migration.
func (l *leaks) of(m *moving) {
	m.Debug = true
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moving = m
}

// hear keeps what the daemon writes to the git host: comments are edited in place, and in the end only their last text is
// there. A push is in the history of the repository.
func (l *leaks) hear(r *http.Request, body []byte) {
	l.mu.Lock()
	m := l.moving
	l.mu.Unlock()
	if m == nil || strings.Contains(r.URL.Path, ".git/") || !m.isDaemon(r) {
		return
	}
	what := "pull requests"
	control := "Merging this moves migration"
	switch {
	case strings.Contains(r.URL.Path, "/comments"):
		what, control = "comments", "### Plan: "
	case strings.Contains(r.URL.Path, "/statuses/"):
		what, control = "statuses", "cutover/"
	}
	l.add(what+" as they are written", control, string(body))
}

// heard are the sources without which the search is of a part only.
var heard = []string{"pull requests as they are written", "comments as they are written", "statuses as they are written"}

// follow keeps what the daemon says of the migration, again and again, until the function that it returns is called.
func (l *leaks) follow(t *testing.T, d *scenario.Daemon) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(200 * time.Millisecond) { // it samples, and waits for nothing
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL+"/api/v1/migrations", nil)
			if err != nil {
				continue
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				continue // it is listened to elsewhere
			}
			text, _ := io.ReadAll(answer.Body) // a part is worth searching, too
			answer.Body.Close()
			l.add("GET /api/v1/migrations", l.migration.Branch, string(text))
		}
	})
	return func() { cancel(); group.Wait() }
}

// listen keeps what the daemon says over HTTP now.
func (l *leaks) listen(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	for path, control := range map[string]string{"/api/v1/migrations": l.migration.Branch, "/metrics": "cutover_", "/": "", "/healthz": "ok", "/readyz": ""} {
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
func (m *moving) checkSecrets(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	client, err := kubernetes.NewForConfig(labtest.Get(t).REST(t, labtest.New))
	if err != nil {
		t.Fatal(err)
	}
	m.eventually(t, d, "Secret api-db of the new cluster has the value that Vault has", func(ctx context.Context) bool {
		secret, err := client.CoreV1().Secrets(m.core()).Get(ctx, "api-db", metav1.GetOptions{})
		return err == nil && string(secret.Data["password"]) == m.hidden+rotated
	})
	secret, err := client.CoreV1().Secrets(m.core()).Get(t.Context(), "api-match", metav1.GetOptions{})
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
	secrets := l.secrets(t)
	for _, what := range heard {
		if l.said[what] == nil {
			t.Errorf("%s are not there to be searched", what)
		}
	}
	for what, s := range l.said {
		all := s.text.String()
		if !strings.Contains(all, s.control) {
			t.Errorf("%s has no %q: the search would find nothing there\n%.500s", what, s.control, all)
		}
		for of, secret := range secrets {
			encoded := base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)/3*4]
			if strings.Contains(all, secret) || strings.Contains(all, encoded) {
				t.Errorf("%s shows %s", what, of)
			}
		}
		t.Logf("searched %7d bytes of %s", len(all), what)
	}
}

// secrets is what the daemon knows and nobody may see, by what it is.
func (p *place) secrets(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"a person's token of the git host": p.Lab.Git.Token, "the secret key of AWS": p.Lab.AWS.SecretAccessKey}
	if p.Planted != "" {
		out["a value of a secret"] = p.Planted
	}
	for of, file := range map[string]string{"the daemon's token of the git host": "git-token", "the webhook's secret": "webhook-secret", "the token of Vault": "vault-token"} {
		data, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		out[of] = string(data)
	}
	for of, secret := range out {
		if len(secret) < 8 {
			t.Fatalf("%s is too short to be searched for", of)
		}
	}
	return out
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
