package rabbittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTime = 90 * time.Second // for a node to take connections, on a machine that is busy
	stopTime  = 20 * time.Second // for it to end when asked to
)

// Node is a broker of ours. Its methods may be called from one goroutine at a
// time.
type Node struct {
	dir                string
	port, mapper, dist int
	epmd, server       *exec.Cmd
	ended              chan struct{} // closed when server has
	output             output
}

// Launch starts a node and returns when it takes connections. ctx bounds that
// only: the node runs until Stop, or until this process dies.
func Launch(ctx context.Context) (*Node, error) {
	if err := install(ctx); err != nil {
		return nil, err
	}
	n := new(Node)
	if err := n.prepare(ctx); err != nil {
		n.Stop()
		return nil, fmt.Errorf("prepare a RabbitMQ node: %w", err)
	}
	if err := n.Start(ctx); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

func (n *Node) prepare(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "atasks-rabbit-")
	if err != nil {
		return err
	}
	n.dir = dir
	for _, p := range []*int{&n.port, &n.mapper, &n.dist} {
		if *p, err = freePort(ctx); err != nil {
			return err
		}
	}
	defs, err := definitions()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"home/.erlang.cookie": "ATASKSTESTCOOKIE" + strconv.Itoa(n.port),
		"enabled_plugins":     "[].\n",
		"definitions.json":    string(defs),
		"rabbitmq.conf": fmt.Sprintf(`listeners.tcp.default = 127.0.0.1:%d
loopback_users = none
load_definitions = %s
log.console = false
log.file.level = info
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
`, n.port, filepath.Join(dir, "definitions.json")),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
			return err
		}
	}
	// A port mapper of our own: the node would start one that outlives it.
	n.epmd = n.command("epmd", "-address", "127.0.0.1", "-port", strconv.Itoa(n.mapper))
	if err := n.epmd.Start(); err != nil {
		return err
	}
	return waitFor(ctx, "the port mapper", func() bool { return n.answers(ctx, n.mapper, nil) })
}

// command is one that dies with this process, and sees nothing of the system's
// own configuration.
func (n *Node) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Stdout, cmd.Stderr = &n.output, &n.output
	cmd.SysProcAttr = dieWithParent()
	path := func(name string) string { return filepath.Join(n.dir, name) }
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"HOME=" + path("home"), "RABBITMQ_HOME_DIR=" + path("home"),
		"RABBITMQ_NODENAME=" + n.name(),
		"RABBITMQ_MNESIA_BASE=" + path("mnesia"), "RABBITMQ_LOG_BASE=" + path("log"), "RABBITMQ_LOGS=" + path("log/node.log"),
		"RABBITMQ_CONFIG_FILE=" + path("rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + path("enabled_plugins"),
		"RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_PID_FILE=" + path("pid"),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(n.dist), "ERL_EPMD_PORT=" + strconv.Itoa(n.mapper), "ERL_EPMD_ADDRESS=127.0.0.1",
		// No spinning schedulers: the tests need the processors.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
		// The script makes way for the server, so that signals reach it.
		"RUNNING_UNDER_SYSTEMD=1",
	}
	return cmd
}

func (n *Node) name() string { return "atasks" + strconv.Itoa(n.port) + "@localhost" }

// Start starts the node again after Kill or Halt, with what it had kept on
// disk, and returns when it takes connections.
func (n *Node) Start(ctx context.Context) error {
	n.server = n.command(serverPath)
	if err := n.server.Start(); err != nil {
		return fmt.Errorf("start a RabbitMQ node: %w", err)
	}
	server, ended := n.server, make(chan struct{})
	n.ended = ended
	go func() {
		defer close(ended)
		_ = server.Wait() // its output says why
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("not ready after %v", startTime))
	defer cancel()
	err := waitFor(ctx, "it to take connections", func() bool { return n.hasEnded() || n.answers(ctx, n.port, []byte("AMQP\x00\x00\x09\x01")) })
	if err == nil && n.hasEnded() {
		err = errors.New("it has ended")
	}
	if err != nil {
		return fmt.Errorf("start a RabbitMQ node: %w\n%s", err, n.output.tail())
	}
	return nil
}

func (n *Node) hasEnded() bool {
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

// Addr returns host and port.
func (n *Node) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)) }

// URL returns an address with the credentials of User.
func (n *Node) URL() string {
	return (&url.URL{Scheme: "amqp", User: url.UserPassword(User, Password), Host: n.Addr()}).String()
}

// Kill ends the node with SIGKILL and returns when it has ended.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Halt stops the node in an orderly way and returns when it has ended.
func (n *Node) Halt() { n.end(syscall.SIGTERM) }

func (n *Node) end(how syscall.Signal) {
	if n.server == nil || n.server.Process == nil || n.hasEnded() {
		return
	}
	_ = n.server.Process.Signal(syscall.SIGCONT) // fails when it has ended
	_ = n.server.Process.Signal(how)
	select {
	case <-n.ended:
	case <-time.After(stopTime):
		_ = n.server.Process.Kill()
		<-n.ended
	}
}

// Signal sends sig to the node.
func (n *Node) Signal(sig os.Signal) error { return n.server.Process.Signal(sig) }

// PID is the process of the node, another one after each Start.
func (n *Node) PID() int { return n.server.Process.Pid }

// Control runs rabbitmqctl against the node, which takes a second or two.
func (n *Node) Control(ctx context.Context, args ...string) error {
	cmd := n.command("/usr/lib/rabbitmq/bin/rabbitmqctl", append([]string{"-n", n.name()}, args...)...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("rabbitmqctl %s: %w", strings.Join(args, " "), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("rabbitmqctl %s: %w\n%s", strings.Join(args, " "), err, n.output.tail())
	}
	return nil
}

// Stop ends the node and removes what it kept. It is idempotent.
func (n *Node) Stop() {
	n.end(syscall.SIGKILL) // nothing is kept, so nothing has to be in order
	if n.epmd != nil && n.epmd.Process != nil {
		_ = n.epmd.Process.Kill()
		_ = n.epmd.Wait() // killed, as it should be
		n.epmd = nil
	}
	if n.dir != "" {
		_ = os.RemoveAll(n.dir) // what is left is in the directory for temporary files
	}
}

// answers says whether something listens there and, if hello is not nil, has
// something to say to it.
func (n *Node) answers(ctx context.Context, port int, hello []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	defer c.Close()
	if hello == nil {
		return true
	}
	deadline, _ := ctx.Deadline()
	if c.SetDeadline(deadline) != nil {
		return false
	}
	_, err = c.Write(hello)
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	return err == nil
}

func waitFor(ctx context.Context, what string, ok func() bool) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// output keeps what processes print.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() > 256<<10 {
		o.buf.Reset()
	}
	return o.buf.Write(p)
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.buf.String()
	return s[max(0, len(s)-4<<10):]
}
