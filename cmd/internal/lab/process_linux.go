package lab

import "syscall"

// setDeathSignal has the kernel kill a process when the thread that starts it ends.
func setDeathSignal(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// reusePort is SO_REUSEPORT, which package syscall does not name here.
const reusePort = 0xf
