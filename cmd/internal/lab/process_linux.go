package lab

import "syscall"

// setDeathSignal has the kernel kill a process when the thread that starts it ends.
func setDeathSignal(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
