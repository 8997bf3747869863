package scenario

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"text/template"

	"cutover/reconciler/contract/labtest"
)

//go:embed config.yaml.tmpl
var configText string

var configTemplate = template.Must(template.New("config.yaml").Parse(configText))

// Daemon is a running `cutover daemon`.
type Daemon struct {
	URL    string
	Config string // path of its configuration file
	secret []byte // of the webhook
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // under ended
}

// Start starts the daemon as a process of its own, and returns when it listens. Its log goes to log. It is killed when
// ctx ends.
func (s *Scenario) Start(ctx context.Context, binary string, log io.Writer) (*Daemon, error) {
	d := &Daemon{Config: filepath.Join(s.Dir, "config.yaml"), ended: make(chan struct{})}
	if err := s.configure(d); err != nil {
		return nil, err
	}
	d.cmd = exec.CommandContext(ctx, binary, "daemon", "--config", d.Config)
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	d.cmd.Env = append(d.cmd.Environ(), s.Env()...)
	dieWithParent(d.cmd)
	address, last := make(chan string, 1), make(chan string, 1)
	go func() {
		// The kernel takes the end of the thread that started the daemon for the parent's death.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(d.ended)
		if d.err = d.cmd.Start(); d.err != nil {
			last <- d.err.Error()
			return
		}
		last <- follow(stderr, log, address)
		d.err = d.cmd.Wait()
	}()
	select {
	case a := <-address:
		d.URL = "http://" + a
		return d, nil
	case line := <-last:
		return nil, fmt.Errorf("the daemon ended at once: %s", line)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// follow copies the daemon's log, tells the address that it listens on, and returns the last line.
func follow(from io.Reader, to io.Writer, address chan<- string) string {
	var last []byte
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		last = bytes.Clone(lines.Bytes())
		fmt.Fprintf(to, "%s\n", last)
		var entry struct{ Msg, Address string }
		if json.Unmarshal(last, &entry) == nil && entry.Msg == "listening" {
			address <- entry.Address
		}
	}
	return string(last)
}

// Env is what the program needs of its environment: AWS's own way to give credentials.
func (s *Scenario) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + s.Lab.AWS.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + s.Lab.AWS.SecretAccessKey}
}

// configure writes the daemon's configuration and the secrets that it names, once.
func (s *Scenario) configure(d *Daemon) error {
	secret := filepath.Join(s.Dir, "webhook-secret")
	var err error
	if d.secret, err = os.ReadFile(secret); err == nil {
		return nil
	}
	d.secret = []byte(rand.Text())
	token, vaultToken := filepath.Join(s.Dir, "git-token"), filepath.Join(s.Dir, "vault-token")
	var text bytes.Buffer
	err = configTemplate.Execute(&text, map[string]any{
		"State": filepath.Join(s.Dir, "state"), "URL": s.URL, "Username": s.robot.name,
		"Token": token, "Secret": secret, "Gate": s.Gate, "Poll": s.Poll, "Schedule": s.Schedule, "Pushed": !s.Reviewed, "Debug": s.Debug,
		"Reviews": s.Reviewed, "Git": s.Lab.Git.URL, "Vault": s.Lab.Vault.Address, "VaultToken": vaultToken, "AWS": s.Lab.AWS,
		"Alertmanager": s.Lab.Alertmanager.URL, "Prometheus": s.Lab.Prometheus.URL, "Edge": s.Edge,
		"Old": s.Lab.Clusters[labtest.Old].Kubeconfig, "New": s.Lab.Clusters[labtest.New].Kubeconfig,
	})
	return errors.Join(err,
		os.WriteFile(token, []byte(s.robot.token), 0o600),
		os.WriteFile(vaultToken, []byte(s.Lab.Vault.Token), 0o600),
		os.WriteFile(d.Config, text.Bytes(), 0o600),
		os.WriteFile(secret, d.secret, 0o600),
	)
}

// Kill ends the daemon as a crash would, and waits until it is gone.
func (d *Daemon) Kill() error {
	err := d.cmd.Process.Kill()
	<-d.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the daemon to end, as Kubernetes asks a Pod, and waits until it has. Its error is that of an exit code that is
// not 0.
func (d *Daemon) Stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-d.ended
	return d.err
}

func (d *Daemon) get(ctx context.Context, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
