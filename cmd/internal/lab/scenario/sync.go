package scenario

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// Sync is a running secret-sync.
type Sync struct {
	cmd *exec.Cmd
}

// StartSync starts secret-sync for the new cluster, which the team has installed there, on the copied secrets. It is killed
// when ctx ends.
func (s *Scenario) StartSync(ctx context.Context, binary string, e *estate.Estate, m estate.Migration, log io.Writer) (*Sync, error) {
	to, ok := e.Cluster(m.To.Cluster)
	if !ok {
		return nil, fmt.Errorf("cutover.yaml has no cluster %s", m.To.Cluster)
	}
	token := filepath.Join(s.Dir, "sync-token")
	if err := os.WriteFile(token, []byte(s.Lab.Vault.Token), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary,
		"--kubeconfig", s.Lab.Clusters[labtest.New].Kubeconfig, "--vault-address", s.Lab.Vault.Address, "--vault-token-file", token,
		"--root", to.Secrets, "--instance", m.Product.String(), "--interval", "1s", "--listen", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start secret-sync: %w", err)
	}
	return &Sync{cmd}, nil
}

// Stop ends secret-sync and waits until it is gone.
func (s *Sync) Stop() error {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed is not an error
	return nil
}
