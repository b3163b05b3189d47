package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	startWait = 30 * time.Second // for all workers to be ready
	stopWait  = 5 * time.Second  // for a worker to end by itself, before it is killed
)

// fleet is the worker processes as their parent sees them.
type fleet struct {
	cancel    context.CancelFunc // tells all to stop
	processes []*process
}

// process is one worker process.
type process struct {
	number int
	node   string // the name of its node
	cmd    *exec.Cmd
	ready  chan string   // receives node
	ended  chan struct{} // closed when the process has ended; cmd.ProcessState tells how
}

// startFleet starts n workers on the server at url and returns when all serve.
// When it fails, none is left.
func startFleet(ctx context.Context, url string, n int, l logs) (*fleet, error) {
	// Not the caller's context: it ends first, and then the workers are told
	// to stop in good order.
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &fleet{cancel: cancel}
	for number := 1; number <= n; number++ {
		p, err := launch(alive, number, workerEnvironment(url, number, n, l.verbose), l.stderr)
		if err != nil {
			f.stop()
			return nil, fmt.Errorf("start worker %d: %w", number, err)
		}
		f.processes = append(f.processes, p)
	}
	ctx, done := context.WithTimeoutCause(ctx, startWait, fmt.Errorf("not ready within %v", startWait))
	defer done()
	for _, p := range f.processes {
		if err := p.awaitReady(ctx); err != nil {
			f.stop()
			return nil, fmt.Errorf("start worker %d: %w", p.number, err)
		}
		l.logger().Info("worker ready", "worker", p.number, "pid", p.pid(), "node", p.node)
	}
	return f, nil
}

// workerEnvironment is that of this process, and what makes another a worker.
// The workers are on one machine and share its processors.
func workerEnvironment(url string, number, of int, verbose bool) []string {
	env := append(os.Environ(),
		numberVariable+"="+strconv.Itoa(number),
		serverVariable+"="+url,
		"GOMAXPROCS="+strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/of)),
	)
	if verbose {
		env = append(env, verboseVariable+"=yes")
	}
	return env
}

// launch starts this program once more. The end of ctx closes the input of the
// new process, which tells it to stop.
func launch(ctx context.Context, number int, env []string, stderr io.Writer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{number: number, cmd: exec.CommandContext(ctx, self), ready: make(chan string, 1), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr = env, stderr
	input, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Cancel, p.cmd.WaitDelay = input.Close, stopWait
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.watch(output)
	return p, nil
}

// watch waits for the process. It ends soon after it, and stop waits for that.
func (p *process) watch(output io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if node, ok := strings.CutPrefix(lines.Text(), readyPrefix); ok {
			p.ready <- node
			break
		}
	}
	_, _ = io.Copy(io.Discard, output) // Wait must come after the last read
	_ = p.cmd.Wait()                   // what it says is in p.cmd.ProcessState
}

func (p *process) awaitReady(ctx context.Context) error {
	select {
	case p.node = <-p.ready:
		return nil
	case <-p.ended:
		return p.failure()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process without a chance to tell anybody, which is what
// os.Process.Kill does on every system: SIGKILL where there are signals.
func (p *process) kill() error { return p.cmd.Process.Kill() }

// failure says how a process ended by itself; nil while it has not.
func (p *process) failure() error {
	select {
	case <-p.ended:
		return fmt.Errorf("worker %d (pid %d) ended by itself: %v", p.number, p.pid(), p.cmd.ProcessState)
	default:
		return nil
	}
}

// failures says which workers ended by themselves, but for the victim.
func (f *fleet) failures(victim *process) error {
	var errs []error
	for _, p := range f.processes {
		if p != victim {
			errs = append(errs, p.failure())
		}
	}
	return errors.Join(errs...)
}

// stop tells all workers to stop and returns when they have ended; those that
// do not are killed.
func (f *fleet) stop() {
	f.cancel()
	for _, p := range f.processes {
		<-p.ended
	}
}
