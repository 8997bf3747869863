package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"text/template"

	"cutover/reconciler/contract/labtest"
)

// gitUser is the administrator of the lab's Gitea; "admin" is a name that Gitea reserves.
const gitUser = "cutover"

//go:embed gitea.ini.tmpl
var giteaINI string

var giteaConfig = template.Must(template.New("gitea.ini").Parse(giteaINI))

// startGitea starts Gitea with an administrator who has a password and an access token.
func (l *Lab) startGitea(ctx context.Context) (labtest.Git, error) {
	access := labtest.Git{Username: gitUser, Password: rand.Text()}
	// The port is not settled yet; these commands do not listen.
	file, err := l.writeGiteaConfig("0")
	if err != nil {
		return access, err
	}
	if _, err := l.gitea(ctx, file, "migrate"); err != nil {
		return access, err
	}
	said, err := l.gitea(ctx, file, "admin", "user", "create", "--username", gitUser, "--password", access.Password,
		"--email", gitUser+"@lab.invalid", "--admin", "--must-change-password=false",
		"--access-token", "--access-token-name", "lab", "--access-token-scopes", "all")
	if err != nil {
		return access, err
	}
	if access.Token, err = tokenIn(said); err != nil {
		return access, err
	}
	ports, err := l.serve(ctx, server{
		name:  "gitea",
		tier:  1,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			file, err := l.writeGiteaConfig(ports[0])
			cmd := l.command(ctx, "gitea", "web", "--config", file)
			cmd.Err = err // reported by its Start
			return cmd
		},
		ready: func(ctx context.Context, ports []string) error {
			return callJSON(ctx, http.MethodGet, "http://127.0.0.1:"+ports[0]+"/api/v1/user",
				"Authorization", "token "+access.Token, nil)
		},
	})
	if err != nil {
		return access, err
	}
	access.URL = "http://127.0.0.1:" + ports[0]
	return access, nil
}

func (l *Lab) writeGiteaConfig(port string) (string, error) {
	who, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("configure gitea: %w", err)
	}
	dir := filepath.Join(l.state.dir, "gitea")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("configure gitea: %w", err)
	}
	var text bytes.Buffer
	values := map[string]string{"User": who.Username, "Dir": dir, "Static": l.assets.giteaPages, "Port": port}
	if err := giteaConfig.Execute(&text, values); err != nil {
		return "", fmt.Errorf("configure gitea: %w", err)
	}
	file := filepath.Join(dir, "gitea.ini")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("configure gitea: %w", err)
	}
	return file, nil
}

// gitea runs one of Gitea's own commands to its end and returns what it printed.
func (l *Lab) gitea(ctx context.Context, config string, args ...string) (string, error) {
	cmd := l.command(ctx, "gitea", append(args, "--config", config)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := l.spawner.run(cmd); err != nil {
		return "", fmt.Errorf("gitea %s: %w: %s", args[0], err, lastLines(said.Bytes()))
	}
	return said.String(), nil
}

// tokenIn finds the access token in what Gitea says after it created one.
func tokenIn(said string) (string, error) {
	const marker = "Access token was successfully created... "
	_, rest, ok := strings.Cut(said, marker)
	if !ok {
		return "", fmt.Errorf("gitea admin user create: no access token in its answer")
	}
	token, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(token), nil
}
