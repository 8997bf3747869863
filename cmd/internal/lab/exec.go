package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"cutover/reconciler/contract/labtest"
)

// commandGrace is how long the command of Exec may take to end after SIGTERM.
const commandGrace = 10 * time.Second

// Exec starts a lab, runs a command with CUTOVER_LAB naming the lab's description, and stops the lab. The command has this
// process's standard input and outputs. The exit code is the command's, or 128 plus the number of the signal that ended
// it, as shells have it. The end of ctx ends the command with SIGTERM. A command that could not be started, and a server
// that ended by itself while the command ran, are errors.
func Exec(ctx context.Context, o Options, argv []string) (exitCode int, err error) {
	if len(argv) == 0 {
		return 0, errors.New("lab: no command to run")
	}
	l, err := Start(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	died := make(chan error, 1)
	go func() {
		died <- l.Wait(ctx)
		cancel()
	}()

	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = commandGrace
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(cmd.Environ(), labtest.Env+"="+l.File())
	// The command stays in this process's group: the terminal's, if there is one.
	if err := l.spawner.start(cmd); err != nil {
		return 0, fmt.Errorf("lab: run %s: %w", argv[0], err)
	}
	_ = cmd.Wait() // how it ended is in its state
	cancel()
	return exitStatus(cmd.ProcessState), <-died
}

// exitStatus is the exit code that a shell would give.
func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
