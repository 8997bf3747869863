package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a server may take to end after SIGTERM. Nothing in the lab is worth waiting longer for.
const stopGrace = 5 * time.Second

// spawner starts processes that die with this one. On Linux the kernel sends the death signal when the *thread* that
// started the process ends, not the process, so one goroutine with a thread of its own starts them all and stays until
// they are gone.
type spawner chan func()

func newSpawner() spawner {
	s := make(spawner)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for start := range s {
			start()
		}
	}()
	return s
}

// start starts cmd, which dies with this process.
func (s spawner) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	setDeathSignal(cmd.SysProcAttr)
	started := make(chan error)
	s <- func() { started <- cmd.Start() }
	return <-started
}

// startGroup starts cmd as the leader of a process group, so that a Ctrl-C in the terminal reaches only the lab's owner,
// which stops the servers in order.
func (s spawner) startGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return s.start(cmd)
}

// run starts cmd in a group of its own and waits for its end. The end of cmd's context ends the group.
func (s spawner) run(cmd *exec.Cmd) error {
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
		cmd.WaitDelay = stopGrace
	}
	if err := s.startGroup(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// close releases the thread. Nothing that it started may still run.
func (s spawner) close() { close(s) }

// process is a running server.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // the file that its output goes to
	done chan struct{} // closed when it has ended
	err  error         // of its end; read after done
}

// startProcess starts cmd as the server name, with its output appended to a file in logs.
func startProcess(s spawner, name string, cmd *exec.Cmd, logs string) (*process, error) {
	path := filepath.Join(logs, logName(name))
	log, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	cmd.Stdout, cmd.Stderr = log, log
	if err := s.startGroup(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, log: path, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		// Whatever the server started ends with it.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		close(p.done)
	}()
	return p, nil
}

// stop ends the process, politely at first, and returns when it has ended.
func (p *process) stop() {
	if p.hasEnded() {
		return // its number may be another process's by now
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ended says that the process ended by itself, and its last words.
func (p *process) ended() error {
	reason := "it exited with status 0"
	if p.err != nil {
		reason = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s; the last lines of %s:\n%s", p.name, reason, p.log, p.tail())
}

// tail returns the last lines of the process's log.
func (p *process) tail() []byte {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return lastLines(data)
}

// portTaken reports whether the process complained that another one listens on its port.
func (p *process) portTaken() bool {
	data, err := os.ReadFile(p.log)
	return err == nil && bytes.Contains(data, []byte(syscall.EADDRINUSE.Error()))
}

// lastLines returns the end of a log that is worth showing in an error.
func lastLines(log []byte) []byte {
	const worth = 15
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-worth):], []byte("\n"))
}

// logName is the name of a server's log file.
func logName(server string) string {
	return strings.ReplaceAll(server, "/", "-") + ".log"
}
