package scenario

import (
	"os/exec"
	"syscall"
)

// dieWithParent sees to it that the daemon does not outlive whoever plays the people.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
