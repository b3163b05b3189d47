package chaos

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// tie ends a child with this process, however that ends: a frozen child would
// not see its standard input close.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// yield makes a process one that others go before.
func yield(pid int) error { return syscall.Setpriority(syscall.PRIO_PROCESS, pid, 5) }

func freezeProcess(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }
func thawProcess(pid int) error   { return syscall.Kill(pid, syscall.SIGCONT) }

// isFrozen says whether a process is stopped by a signal.
func isFrozen(pid int) (bool, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false, err
	}
	_, rest, ok := bytes.Cut(stat, []byte(") ")) // after the name, which may hold anything
	return ok && len(rest) > 0 && rest[0] == 'T', nil
}

// memory returns what a process holds now and has held at its peak, in bytes.
func memory(pid int) (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmHWM" && name != "VmRSS" {
			continue
		}
		kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if name == "VmHWM" {
			peak = kb << 10
		} else {
			now = kb << 10
		}
	}
	return now, peak, nil
}
