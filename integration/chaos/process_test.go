package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startWait = 30 * time.Second            // for a process to be ready
	stopWait  = settleTime + 15*time.Second // for it to end when asked to
)

// process is one that plays a role, as the test sees it.
type process struct {
	role  role
	cmd   *exec.Cmd
	ready string // what it said when it was
	in    io.Closer
	ended chan struct{} // closed when it has; cmd.ProcessState tells how
}

// launch starts a process and returns when it is ready.
func launch(r role) (*process, error) {
	path, err := plain.get()
	if r.Raced {
		path, err = os.Executable()
	}
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(r.Dir, r.Name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	p := &process{role: r, cmd: exec.CommandContext(context.Background(), path), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), roleVar+"="+string(spec), "GOTRACEBACK=all", "GORACE=atexit_sleep_ms=0")
	p.cmd.Stderr = log
	tie(p.cmd)
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	isReady := make(chan string, 1)
	go p.watch(out, isReady)
	select {
	case p.ready = <-isReady:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s ended before it was ready: %v; see %s", r.Name, p.cmd.ProcessState, log.Name())
	case <-time.After(startWait):
		p.end(syscall.SIGQUIT) // which leaves the stacks in its log
		return nil, fmt.Errorf("%s was not ready within %v; see %s", r.Name, startWait, log.Name())
	}
}

// watch reads what the process prints, and waits for its end.
func (p *process) watch(out io.Reader, isReady chan<- string) {
	defer close(p.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), ready); ok {
			isReady <- id
			break
		}
	}
	_, _ = io.Copy(io.Discard, out) // Wait must come after the last read
	_ = p.cmd.Wait()                // what it says is in p.cmd.ProcessState
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// ask tells the process to end in good order.
func (p *process) ask() { _ = p.in.Close() } // fails when it has been told before

// wait waits for the end of a process that was asked to, and reports one that
// does not come or is not in good order.
func (p *process) wait() error {
	select {
	case <-p.ended:
	case <-time.After(stopWait):
		p.end(syscall.SIGQUIT)
		return fmt.Errorf("%s did not end within %v; its stacks are in its log", p.role.Name, stopWait)
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s ended with %v", p.role.Name, p.cmd.ProcessState)
	}
	return nil
}

// end ends the process by a signal and waits for that.
func (p *process) end(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// kill ends the process with SIGKILL; an error when that is not what ended it.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.ended
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGKILL {
		return fmt.Errorf("%s was killed and ended with %v", p.role.Name, p.cmd.ProcessState)
	}
	return nil
}

// freeze stops the process with SIGSTOP, and returns when it stands still.
func (p *process) freeze() error {
	if err := freezeProcess(p.pid()); err != nil {
		return err
	}
	return p.awaitFrozen(true)
}

// thaw lets it go on.
func (p *process) thaw() error {
	if err := thawProcess(p.pid()); err != nil {
		return err
	}
	return p.awaitFrozen(false)
}

func (p *process) awaitFrozen(want bool) error {
	var failure error
	if !eventually(5*time.Second, func() bool {
		frozen, err := isFrozen(p.pid())
		failure = err
		return err == nil && frozen == want
	}) {
		return errors.Join(fmt.Errorf("%s: frozen is not %v", p.role.Name, want), failure)
	}
	return nil
}
