package chaos

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
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

// threads reads how long the threads of a process had to wait for a
// processor. One of them may stand still, with whatever it was just doing, while
// another runs.
type threads struct {
	dir    string
	listed time.Time
	files  map[string]*os.File
	waited map[string]int64
}

// newThreads reads those of a process ID, or of "self".
func newThreads(process string) *threads {
	return &threads{dir: "/proc/" + process + "/task/", files: make(map[string]*os.File), waited: make(map[string]int64)}
}

// waits returns how long each thread that got a processor since the last time
// had to wait for it.
func (t *threads) waits(now time.Time) (all []time.Duration) {
	if now.Sub(t.listed) > 50*time.Millisecond {
		t.listed = now
		t.list()
	}
	for id, f := range t.files {
		var buf [64]byte
		n, _ := f.ReadAt(buf[:], 0) // at the end of the file, or of the thread
		fields := bytes.Fields(buf[:n])
		if len(fields) < 2 {
			f.Close()
			delete(t.files, id)
			continue
		}
		waited, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			continue
		}
		if before, known := t.waited[id]; known && waited > before {
			all = append(all, time.Duration(waited-before))
		}
		t.waited[id] = waited
	}
	return all
}

func (t *threads) list() {
	ids, err := os.ReadDir(t.dir)
	if err != nil {
		return
	}
	for _, id := range ids {
		if t.files[id.Name()] == nil {
			if f, err := os.Open(t.dir + id.Name() + "/schedstat"); err == nil {
				t.files[id.Name()] = f
			}
		}
	}
}

func (t *threads) close() {
	for _, f := range t.files {
		f.Close()
	}
}

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
