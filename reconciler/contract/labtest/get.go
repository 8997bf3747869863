package labtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// hold tells its caller where the lab's description is and then waits for the end of its standard input, which comes
// when the caller exits or is killed. `lab exec` stops the lab when its command ends.
const hold = `echo "$` + Env + `"; cat >/dev/null`

// Get returns the lab that the tests of this run share. It starts one for this test binary when the environment names
// none, and fails the test when that is impossible.
func Get(tb testing.TB) *Lab {
	tb.Helper()
	l, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return l.lab
}

// running is a lab, and the lifeline of one that this test binary started: its standard input. Closing it stops the lab,
// and so does the end of this process. It is kept reachable, since a collected file is closed.
type running struct {
	lab      *Lab
	lifeline io.Closer
}

var shared = sync.OnceValues(func() (*running, error) {
	if file := os.Getenv(Env); file != "" {
		l, err := Read(file)
		return &running{lab: l}, err
	}
	return start(exec.Command("go", "run", "cutover/cmd/cutover", "lab", "exec", "--", "sh", "-c", hold))
})

// start runs a command that starts a lab, prints the path of its description, and stops the lab at the end of its
// standard input.
func start(cmd *exec.Cmd) (*running, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// A file and not a buffer, so that the lab may complain after this process is gone.
	stderr, err := os.CreateTemp("", "cutover-labtest-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = stderr.Close()
		_ = os.Remove(stderr.Name())
	}()
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a lab for this test binary: %w", err)
	}
	file, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		err = cmd.Wait()
		said, _ := io.ReadAll(io.NewSectionReader(stderr, 0, 1<<20))
		return nil, fmt.Errorf("start a lab for this test binary: %w: %s", err, bytes.TrimSpace(said))
	}
	l, err := Read(strings.TrimSpace(file))
	return &running{lab: l, lifeline: stdin}, err
}
