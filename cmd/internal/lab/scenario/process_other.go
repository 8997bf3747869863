//go:build !linux

package scenario

import "os/exec"

// dieWithParent can do nothing here: only Linux tells a process of its parent's death.
func dieWithParent(*exec.Cmd) {}
