package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os/exec"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/reconciler/contract/labtest"
)

// secretsMount is where the runbook's secrets live in Vault: k8s-secret/<cluster>/<namespace>/<name>.
const secretsMount = "k8s-secret"

// startVault starts Vault, unsealed, with a kv version 2 engine for the secrets.
func (l *Lab) startVault(ctx context.Context) (labtest.Vault, error) {
	access := labtest.Vault{Token: rand.Text()}
	call := func(ctx context.Context, port, method, path string, body any) error {
		return callJSON(ctx, method, "http://127.0.0.1:"+port+"/v1/"+path, "X-Vault-Token", access.Token, body)
	}
	ports, err := l.serve(ctx, server{
		name:  "vault",
		tier:  1,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			return l.vaultCommand(ctx, "127.0.0.1:"+ports[0], access.Token)
		},
		ready: func(ctx context.Context, ports []string) error {
			return call(ctx, ports[0], http.MethodGet, "auth/token/lookup-self", nil)
		},
	})
	if err != nil {
		return access, err
	}
	engine := map[string]any{"type": "kv", "options": map[string]string{"version": "2"}}
	if err := call(ctx, ports[0], http.MethodPost, "sys/mounts/"+secretsMount, engine); err != nil {
		return access, fmt.Errorf("mount Vault's secrets engine: %w", err)
	}
	// The engine answers 400 while it prepares its storage.
	err = wait.PollUntilContextTimeout(ctx, pollInterval, time.Minute, true, func(ctx context.Context) (bool, error) {
		return call(ctx, ports[0], http.MethodGet, secretsMount+"/config", nil) == nil, nil
	})
	if err != nil {
		return access, fmt.Errorf("wait for Vault's secrets engine: %w", err)
	}
	access.Address = "http://127.0.0.1:" + ports[0]
	return access, nil
}

// vaultCommand starts either the stock binary or the one from hack/lab/vault.
func (l *Lab) vaultCommand(ctx context.Context, listen, token string) *exec.Cmd {
	if l.binaries["vault"].found {
		cmd := l.command(ctx, "vault", "server", "-dev", "-dev-no-store-token", "-dev-listen-address", listen)
		cmd.Env = append(cmd.Environ(), "VAULT_DEV_ROOT_TOKEN_ID="+token)
		return cmd
	}
	cmd := l.command(ctx, "vault", "--listen", listen)
	cmd.Env = append(cmd.Environ(), "VAULT_ROOT_TOKEN="+token)
	return cmd
}
