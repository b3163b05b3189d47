package rabbittest

import "syscall"

// dieWithParent has the kernel end a process when the one that started it dies,
// so that a test that crashes leaves no node behind.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
