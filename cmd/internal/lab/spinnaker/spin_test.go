package spinnaker

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
)

// buildSpin gives the path of the real spin command. It is built once, into the user's cache, under a name made of
// what it depends on.
func buildSpin(t *testing.T) string {
	t.Helper()
	module := filepath.Join("..", "..", "..", "..", "hack", "spin")
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(fmt.Append(sums, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	binary := filepath.Join(cache, "cutover", "tools", fmt.Sprintf("spin-%x", digest[:8]))
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		t.Fatal(err)
	}
	unfinished := fmt.Sprintf("%s.%d", binary, os.Getpid())
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", unfinished, "github.com/spinnaker/spin")
	build.Dir = module
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build spin: %v\n%s", err, out)
	}
	if err := os.Rename(unfinished, binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

// TestSpin proves the stand-in by a client that was not written for it.
func TestSpin(t *testing.T) {
	s, endpoint := serve(t, Config{})
	binary := buildSpin(t)
	home := t.TempDir()
	spin := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), binary, append([]string{"--no-color", "--gate-endpoint", endpoint}, args...)...)
		command.Env = append(os.Environ(), "HOME="+home) // its configuration would be read from there
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("spin %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	file := filepath.Join(home, "pipeline.json")
	data, err := json.Marshal(map[string]any{
		"application": "api", "name": "deploy-prod2", "id": "7a7b",
		"parameterConfig": []any{map[string]any{"name": "version", "required": true}},
		"stages":          []any{map[string]any{"refId": "1", "type": "wait", "waitTime": 0, "requisiteStageRefIds": []any{}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}

	spin("application", "save", "--application-name", "api", "--owner-email", "core@example.com", "--cloud-providers", "kubernetes")
	var app map[string]any
	if err := json.Unmarshal([]byte(spin("application", "get", "api")), &app); err != nil || app["email"] != "core@example.com" {
		t.Errorf("application get = %v, %v", app, err)
	}
	spin("pipeline", "save", "--file", file)
	var list []map[string]any
	if err := json.Unmarshal([]byte(spin("pipeline", "list", "--application", "api")), &list); err != nil || len(list) != 1 || list[0]["id"] != "7a7b" {
		t.Errorf("pipeline list = %v, %v", list, err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(spin("pipeline", "get", "--application", "api", "--name", "deploy-prod2")), &got); err != nil || got["name"] != "deploy-prod2" {
		t.Errorf("pipeline get = %v, %v", got, err)
	}
	spin("pipeline", "execute", "--application", "api", "--name", "deploy-prod2", "--parameter", "version=1.4.2")
	found, err := newClient(t, endpoint).Recent(t.Context(), "api", "7a7b", 10)
	if err != nil || len(found) != 1 {
		t.Fatalf("executions = %v, %v, want one", found, err)
	}
	waitForStatus(t, s, found[0].ID, pipeline.Succeeded)
	if out := spin("pipeline", "execution", "list", "--pipeline-id", "7a7b"); !strings.Contains(out, found[0].ID) {
		t.Errorf("pipeline execution list = %s", out)
	}
	spin("pipeline", "delete", "--application", "api", "--name", "DEPLOY-prod2")
	if counts := s.Stats(); counts.Saves["7a7b"] != 1 || counts.Executions["7a7b"] != 1 || counts.Deletes["7a7b"] != 1 {
		t.Errorf("stats = %+v, want one of each", counts)
	}
}

// waitForStatus fails the test unless the execution comes to the status.
func waitForStatus(t *testing.T, s *Server, id string, want pipeline.Status) *execution {
	t.Helper()
	s.mu.Lock()
	x := s.executions[id]
	s.mu.Unlock()
	if x == nil {
		t.Fatalf("no execution %s", id)
	}
	select {
	case <-x.ended:
	case <-time.After(time.Minute):
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Fatalf("execution %s does not end: %s", id, statuses(x))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.Status != want {
		data, _ := json.MarshalIndent(x, "", "  ")
		t.Fatalf("execution ended as %s, want %s\n%s", x.Status, want, data)
	}
	return x
}
