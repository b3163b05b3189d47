//go:build !linux

package rabbittest

import "syscall"

// dieWithParent does nothing here: no other system offers it.
func dieWithParent() *syscall.SysProcAttr { return nil }
