//go:build unix && !linux

package lab

import "syscall"

// setDeathSignal does nothing: only Linux has a death signal. Elsewhere, a lab whose owner is killed with SIGKILL leaves
// its servers running.
func setDeathSignal(*syscall.SysProcAttr) {}

const reusePort = syscall.SO_REUSEPORT
