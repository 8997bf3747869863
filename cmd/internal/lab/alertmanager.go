package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"cutover/reconciler/contract/labtest"
)

// startAlertmanager starts Alertmanager, alone and with a receiver that tells nobody.
func (l *Lab) startAlertmanager(ctx context.Context) (labtest.Alertmanager, error) {
	receiver := rand.Text()
	dir := filepath.Join(l.state.dir, "alertmanager")
	config := "route:\n  receiver: " + receiver + "\nreceivers:\n  - name: " + receiver + "\n"
	file, err := writeConfig(dir, "alertmanager.yml", config)
	if err != nil {
		return labtest.Alertmanager{}, fmt.Errorf("configure alertmanager: %w", err)
	}
	ports, err := l.serve(ctx, server{
		name:  "alertmanager",
		tier:  1,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			return l.command(ctx, "alertmanager",
				"--config.file="+file,
				"--storage.path="+filepath.Join(dir, "data"),
				"--web.listen-address=127.0.0.1:"+ports[0],
				"--cluster.listen-address=", // no gossip with others
			)
		},
		ready: func(ctx context.Context, ports []string) error {
			// It serves its API once it is ready.
			return mentions(ctx, "http://127.0.0.1:"+ports[0]+"/api/v2/receivers", "", receiver)
		},
	})
	if err != nil {
		return labtest.Alertmanager{}, err
	}
	return labtest.Alertmanager{URL: "http://127.0.0.1:" + ports[0]}, nil
}

// writeConfig writes a server's configuration into a directory of its own, which it makes.
func writeConfig(dir, name, text string) (file string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file = filepath.Join(dir, name)
	return file, os.WriteFile(file, []byte(text), 0o600)
}
