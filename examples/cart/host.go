package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/atasks-io/atasks/actor"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// serverVariable makes this program a host of carts on the server that it names.
const serverVariable = "CART_SERVER"

// readyPrefix begins the line by which a host says that it is one.
const readyPrefix = "ready "

// host hosts carts until its input ends: its parent has stopped, or says so.
func host(url string, input io.Reader, output io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, input)
		stop()
	}()
	conn, err := atnats.Connect(ctx, url)
	if err != nil {
		return err
	}
	node, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		return err
	}
	if err := node.Serve(carts()); err != nil {
		return errors.Join(err, node.Close())
	}
	if _, err := fmt.Fprintln(output, readyPrefix+node.ID()); err != nil {
		return errors.Join(err, node.Close())
	}
	return node.Run(ctx)
}

// process is a host as its parent sees it.
type process struct {
	node  string
	cmd   *exec.Cmd
	input io.Closer
	ended chan struct{} // closed when it has ended
}

const (
	startWait = 30 * time.Second
	stopWait  = 10 * time.Second
)

// launch starts this program once more, as a host, and returns when it is one.
func launch(ctx context.Context, url string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(ctx), self), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), serverVariable+"="+url), os.Stderr
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go p.watch(output, ready)
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, fmt.Errorf("not ready within %v", startWait))
	defer cancel()
	select {
	case p.node = <-ready:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("a host ended before it was one: %v", p.cmd.ProcessState)
	case <-ctx.Done():
		p.stop()
		return nil, fmt.Errorf("start a host: %w", context.Cause(ctx))
	}
}

// watch waits for the process.
func (p *process) watch(output io.Reader, ready chan<- string) {
	defer close(p.ended)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if node, ok := strings.CutPrefix(lines.Text(), readyPrefix); ok {
			ready <- node
			break
		}
	}
	_, _ = io.Copy(io.Discard, output) // Wait must come after the last read
	_ = p.cmd.Wait()                   // what it says is in p.cmd.ProcessState
}

// kill ends the process without a chance to tell anybody: SIGKILL where there
// are signals.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}

// stop tells the process to hand over what it has, and waits for its end.
func (p *process) stop() {
	_ = p.input.Close() // fails when it has ended
	select {
	case <-p.ended:
	case <-time.After(stopWait):
		_ = p.kill() // there is nobody to tell
	}
}
