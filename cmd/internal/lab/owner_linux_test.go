package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	"cutover/reconciler/contract/labtest"
)

// owner is another process that owns a lab.
type owner struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lab   *labtest.Lab
}

// newOwner returns when the owner's lab is ready.
func newOwner(t *testing.T) *owner {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerEnv+"=1")
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	file, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the owner ended: %v", err)
	}
	l, err := labtest.Read(strings.TrimSpace(file))
	if err != nil {
		t.Fatal(err)
	}
	return &owner{cmd: cmd, stdin: stdin, lab: l}
}

// Two labs run side by side; one owner ends, the other is killed.
func TestOwners(t *testing.T) {
	ends, killed := newOwner(t), newOwner(t)
	for _, cluster := range []string{labtest.Old, labtest.New} {
		if ends.lab.Clusters[cluster].Server == killed.lab.Clusters[cluster].Server {
			t.Errorf("both labs have the same cluster %s", cluster)
		}
		for _, o := range []*owner{ends, killed} {
			client, err := kubernetes.NewForConfig(o.lab.REST(t, cluster))
			if err != nil {
				t.Fatal(err)
			}
			if err := nodesReady(t.Context(), client); err != nil {
				t.Error(err)
			}
		}
	}
	if len(processesIn(t, killed.lab.Dir)) < 11 {
		t.Fatalf("the test does not find the lab's processes: %v", processesIn(t, killed.lab.Dir))
	}

	if err := killed.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := killed.cmd.Process.Wait(); err != nil { // from here on it holds no lock
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error { return noneLeft(t, killed.lab) })
	next, err := openState(t.Context(), "", filepath.Dir(killed.lab.Dir))
	if err != nil {
		t.Fatal(err)
	}
	defer next.close()
	if _, err := os.Stat(killed.lab.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the killed lab's files are still there: %v", err)
	}

	if err := ends.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := ends.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the owner ended with %v, want the exit status of its command, 7", err)
	}
	if err := noneLeft(t, ends.lab); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(ends.lab.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lab's files are still there: %v", err)
	}
}

func noneLeft(t *testing.T, l *labtest.Lab) error {
	if left := processesIn(t, l.Dir); len(left) > 0 {
		return fmt.Errorf("%d processes outlived the lab: %s", len(left), strings.Join(left, "\n"))
	}
	return nil
}
