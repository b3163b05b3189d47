// Package hosts lets an example start itself again as processes that host
// entities, and end them.
package hosts

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/embedded"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// serverVariable makes a program a host on the server that it names.
const serverVariable = "EXAMPLE_SERVER"

// readyPrefix begins the line by which a host says that it is one.
const readyPrefix = "ready "

// IsHost says whether this process was started by Start.
func IsHost() bool { return os.Getenv(serverVariable) != "" }

// Serve hosts kinds in a process that Start has started, until its parent has
// ended or calls Stop.
func Serve(kinds ...actor.Servable) error {
	signal.Ignore(os.Interrupt) // a terminal sends it to all processes; it is for the parent
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	conn, err := atnats.Connect(ctx, os.Getenv(serverVariable))
	if err != nil {
		return err
	}
	node, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		return err
	}
	if err := node.Serve(kinds...); err != nil {
		return errors.Join(err, node.Close())
	}
	if _, err := fmt.Fprintln(os.Stdout, readyPrefix+node.ID()); err != nil {
		return errors.Join(err, node.Close())
	}
	return node.Run(ctx)
}

// Host is a process that hosts, as its parent sees it.
type Host struct {
	Node  string // the name of its node
	cmd   *exec.Cmd
	input io.Closer
	ended chan struct{} // closed when it has ended
}

const (
	startWait = 30 * time.Second // for a host to be one
	stopWait  = 10 * time.Second // for it to hand over what it has, before it is killed
)

// Start starts this program once more, as a host on a server, and
// returns when it is one.
func Start(ctx context.Context, server string) (*Host, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	h := &Host{cmd: exec.CommandContext(context.WithoutCancel(ctx), self), ended: make(chan struct{})}
	h.cmd.Env, h.cmd.Stderr = append(os.Environ(), serverVariable+"="+server), os.Stderr
	output, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if h.input, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go h.watch(output, ready)
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, fmt.Errorf("not ready within %v", startWait))
	defer cancel()
	select {
	case h.Node = <-ready:
		return h, nil
	case <-h.ended:
		return nil, fmt.Errorf("a host ended before it was one: %v", h.cmd.ProcessState)
	case <-ctx.Done():
		h.Stop()
		return nil, fmt.Errorf("start a host: %w", context.Cause(ctx))
	}
}

// watch waits for the process.
func (h *Host) watch(output io.Reader, ready chan<- string) {
	defer close(h.ended)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if node, ok := strings.CutPrefix(lines.Text(), readyPrefix); ok {
			ready <- node
			break
		}
	}
	_, _ = io.Copy(io.Discard, output) // Wait must come after the last read
	_ = h.cmd.Wait()                   // what it says is in h.cmd.ProcessState
}

// Kill ends the process without a chance to tell anybody: SIGKILL where there
// are signals.
func (h *Host) Kill() error {
	err := h.cmd.Process.Kill()
	<-h.ended
	return err
}

// Stop tells the process to hand over what it has, and waits for its end.
func (h *Host) Stop() {
	_ = h.input.Close() // fails when it has ended
	select {
	case <-h.ended:
	case <-time.After(stopWait):
		_ = h.Kill() // there is nobody to tell
	}
}

// StartServer starts a server for this program alone, and returns the URL for
// its hosts. Other users of the machine find the port, and no password.
func StartServer() (srv *embedded.Server, address string, err error) {
	auth := embedded.Auth{User: "example", Password: rand.Text()}
	srv, err = embedded.Start(embedded.Config{Listen: "127.0.0.1:0", Auth: auth})
	if err != nil {
		return nil, "", err
	}
	_, at, _ := strings.Cut(srv.URL(), "://")
	return srv, (&url.URL{Scheme: "nats", User: url.UserPassword(auth.User, auth.Password), Host: at}).String(), nil
}
