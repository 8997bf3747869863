package labtest

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sample = &Lab{
	Dir:      "/state",
	Clusters: map[string]Cluster{Old: {Kubeconfig: "/state/old.kubeconfig", Server: "https://127.0.0.1:1"}},
	Git:      Git{URL: "http://127.0.0.1:2", Username: "lab", Password: "p", Token: "t"},
	Vault:    Vault{Address: "http://127.0.0.1:3", Token: "r"},
	Gate:     Gate{URL: "http://127.0.0.1:4"},
}

func TestWriteRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.json")
	if err := sample.Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, got); diff != "" {
		t.Error(diff)
	}
}

// A stand-in for `cutover lab exec` proves the protocol of start without starting servers.
func TestStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.json")
	if err := sample.Write(file); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", hold)
	cmd.Env = append(cmd.Environ(), Env+"="+file)
	got, err := start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, got.lab); diff != "" {
		t.Error(diff)
	}
	if err := got.lifeline.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the command did not end with its standard input: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	_, err := start(exec.Command("sh", "-c", "echo no space left >&2; exit 3"))
	if err == nil || !strings.Contains(err.Error(), "exit status 3: no space left") {
		t.Errorf("got %v, want the exit status and what the command said", err)
	}
}

func TestUnique(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	t.Run("Ein Name/mit äöü, sehr lang und noch viel länger als erlaubt", func(t *testing.T) {
		a, b := Unique(t), Unique(t)
		if a == b || !label.MatchString(a) || !label.MatchString(b) {
			t.Errorf("got %q and %q, want two different DNS labels", a, b)
		}
	})
}
