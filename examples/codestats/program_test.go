package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the whole program in a process of its own.
type program struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr *bufio.Scanner  // by line
	said   strings.Builder // what was read of stderr
}

// startProgram starts the program. The test has to wait for it.
func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: exec.CommandContext(t.Context(), self, args...)}
	p.cmd.Env = append(os.Environ(), programVariable+"=yes")
	p.cmd.Stdout = &p.stdout
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewScanner(stderr)
	return p
}

// until reads what the program logs up to a line that matches, and returns
// what the groups of the pattern match.
func (p *program) until(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for p.stderr.Scan() {
		fmt.Fprintln(&p.said, p.stderr.Text())
		if m := re.FindStringSubmatch(p.stderr.Text()); m != nil {
			return m[1:]
		}
	}
	t.Fatalf("program ended without a line like %q; it said\n%s%s", pattern, p.said.String(), p.stdout.String())
	return nil
}

// workers reads the process IDs of n workers.
func (p *program) workers(t *testing.T, n int) []int {
	t.Helper()
	var pids []int
	for range n {
		pid, err := strconv.Atoi(p.until(t, `msg="worker ready" .*pid=(\d+)`)[0])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// wait returns the exit code, -1 after a signal.
func (p *program) wait(t *testing.T) int {
	t.Helper()
	for p.stderr.Scan() {
		fmt.Fprintln(&p.said, p.stderr.Text())
	}
	if err := p.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// signal sends a signal to a process.
func send(t *testing.T, pid int, s os.Signal) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(s)
	}
	if err != nil {
		t.Fatalf("signal %v to process %d: %v", s, pid, err)
	}
}

// wantGone waits until none of the processes runs.
func wantGone(t *testing.T, pids []int) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(15 * time.Second)
	defer late.Stop()
	for _, pid := range pids {
		for runs(pid) {
			select {
			case <-again.C:
			case <-late.C:
				t.Fatalf("worker %d runs on without its parent", pid)
			}
		}
	}
}

// runs says whether a process runs. One that has ended and that nobody has
// waited for does not: an orphan has no parent who would.
func runs(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil || process.Signal(syscall.Signal(0)) != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, os.ErrNotExist) {
		_, err := os.Stat("/proc/self/stat")
		return err != nil // without such a file system, the signal has to do
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func source(t *testing.T, dir string) string {
	t.Helper()
	return filepath.Join(goroot(t.Context()), "src", filepath.FromSlash(dir))
}

func TestProgramCheck(t *testing.T) {
	t.Parallel()
	for dir, workers := range map[string]int{"encoding": 2, "go": 4} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t, "-check", "-workers", strconv.Itoa(workers), source(t, dir))
			code := p.wait(t)
			if code != 0 || p.said.Len() > 0 {
				t.Errorf("codestats -check %s = exit code %d, logged %q, want 0 and nothing", dir, code, p.said.String())
			}
			for _, want := range []string{
				fmt.Sprintf(`(?m)^  %d workers +\d+\.\d{3} +1\.00 `, workers),
				fmt.Sprintf(`(?m)^ +%d +\d+ +\d+ +\d+\.\d%% `, workers),
				`(?m)^one process agrees: [0-9,]+ bytes of report, of all \d+ packages, are the same$`,
				`(?m)^find and wc agree: [0-9,]+ files, `,
			} {
				if !regexp.MustCompile(want).MatchString(p.stdout.String()) {
					t.Errorf("codestats -check %s prints\n%s\nwant a match of %q", dir, p.stdout.String(), want)
				}
			}
		})
	}
}

func TestProgramKill(t *testing.T) {
	t.Parallel()
	p := startProgram(t, "-check", "-kill", "-workers", "3", "-v", source(t, "go"))
	pids := p.workers(t, 3)
	if code := p.wait(t); code != 0 {
		t.Errorf("codestats -check -kill = exit code %d, want 0; it said\n%s%s", code, p.said.String(), p.stdout.String())
	}
	out := p.stdout.String()
	m := regexp.MustCompile(`(?m)^worker (\d) \(pid (\d+)\) got SIGKILL after .* with ([0-9,]+) calls in hand: .*; ([0-9,]+) calls ran again elsewhere$`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("codestats -check -kill prints\n%s\nwant to read who was killed", out)
	}
	number, err := strconv.Atoi(m[1])
	if err != nil || number < 1 || number > 3 || strconv.Itoa(pids[number-1]) != m[2] {
		t.Errorf("codestats -kill names worker %s as process %s, want one of %v", m[1], m[2], pids)
	}
	if m[3] == "0" || m[4] == "0" {
		t.Errorf("codestats -kill killed a worker with %s calls in hand, of which %s ran again, want some", m[3], m[4])
	}
	if !strings.Contains(out, "one process agrees: ") || !strings.Contains(out, "find and wc agree: ") {
		t.Errorf("codestats -check -kill prints\n%s\nwant agreement", out)
	}
	wantGone(t, pids)
}

// TestProgramInterrupted sends what a terminal sends: the interrupt goes to
// every process.
func TestProgramInterrupted(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "terminated": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t, "-v", "-workers", "3", source(t, "go"))
			pids := p.workers(t, 3)
			p.until(t, `msg=counted `)
			begun := time.Now()
			send(t, p.cmd.Process.Pid, signal)
			if signal == syscall.SIGINT {
				for _, pid := range pids {
					send(t, pid, signal)
				}
			}
			code := p.wait(t)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("codestats took %v to stop after %v, want less than 5 s", took, signal)
			}
			if code != 1 || p.stdout.Len() > 0 || !strings.Contains(p.said.String(), "codestats: "+name+" signal received\n") {
				t.Errorf("codestats after %v = exit code %d, printed %q, said\n%s\nwant 1, nothing and the signal", signal, code, p.stdout.String(), p.said.String())
			}
			wantGone(t, pids)
		})
	}
}

// TestProgramKilled takes the parent away from its workers.
func TestProgramKilled(t *testing.T) {
	t.Parallel()
	p := startProgram(t, "-v", "-workers", "3", source(t, "go"))
	pids := p.workers(t, 3)
	p.until(t, `msg=counted `)
	send(t, p.cmd.Process.Pid, syscall.SIGKILL)
	if code := p.wait(t); code != -1 {
		t.Errorf("codestats killed = exit code %d, want none", code)
	}
	wantGone(t, pids)
}

// TestProgramLosesAWorker kills a worker that nobody was going to kill.
func TestProgramLosesAWorker(t *testing.T) {
	t.Parallel()
	p := startProgram(t, "-v", "-check", "-workers", "2", source(t, "go"))
	pids := p.workers(t, 2)
	p.until(t, `msg=counted `)
	send(t, pids[1], syscall.SIGKILL)
	code := p.wait(t)
	if want := fmt.Sprintf("worker 2 (pid %d) ended by itself: signal: killed", pids[1]); code != 1 || !strings.Contains(p.said.String(), want) {
		t.Errorf("codestats without a worker = exit code %d, said\n%s\nwant 1 and %q", code, p.said.String(), want)
	}
	if !strings.Contains(p.stdout.String(), "one process agrees: ") {
		t.Errorf("codestats without a worker prints\n%s\nwant a report that is exact", p.stdout.String())
	}
}

// TestProgramLosesAllWorkers leaves nobody to do the work.
func TestProgramLosesAllWorkers(t *testing.T) {
	t.Parallel()
	p := startProgram(t, "-v", "-workers", "2", source(t, "go"))
	pids := p.workers(t, 2)
	p.until(t, `msg=counted `)
	for _, pid := range pids {
		send(t, pid, syscall.SIGKILL)
	}
	code := p.wait(t)
	if code != 1 || p.stdout.Len() > 0 || strings.Count(p.said.String(), "ended by itself: signal: killed") != 2 {
		t.Errorf("codestats without workers = exit code %d, printed %q, said\n%s\nwant 1, nothing, and what happened to both", code, p.stdout.String(), p.said.String())
	}
}

// TestWorkerFails starts a worker that finds no server.
func TestWorkerFails(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), numberVariable+"=7", serverVariable+"=nats://127.0.0.1:1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "codestats: worker 7: ") {
		t.Errorf("worker without a server = %v and %q, want to hear from worker 7", err, stderr.String())
	}
}

// TestWorkerWithoutParent takes the parent away before there is a connection:
// the server says nothing.
func TestWorkerWithoutParent(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	address := func(string) string { return "nats://" + silent.Addr().String() }
	if err := work(t.Context(), address, strings.NewReader(""), io.Discard, io.Discard, nil); err != nil {
		t.Errorf("work() with an input that has ended = %v, want nil", err)
	}
}
