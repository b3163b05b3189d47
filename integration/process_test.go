package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/embedded"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// The test binary is also the worker: started with these in its environment it
// serves instead of testing.
const (
	roleVar  = "ATASKS_TEST_ROLE"
	urlVar   = "ATASKS_TEST_URL"
	slotsVar = "ATASKS_TEST_SLOTS"
	workers  = "worker"
)

// ready is what a worker prints when it serves, followed by its node's ID.
const ready = "ready "

func TestMain(m *testing.M) {
	if os.Getenv(roleVar) != workers {
		code := m.Run()
		rabbit.Stop()
		os.Exit(code)
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// serve is the worker process: it serves until SIGTERM, or until the test that
// started it is gone and with it the other end of standard input.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	node, err := connect(ctx, os.Getenv(urlVar), os.Getenv(slotsVar))
	if err != nil {
		return err
	}
	if err := node.Serve(tasks()...); err != nil {
		return err
	}
	fmt.Println(ready + node.ID())
	return node.Run(ctx)
}

// connectTo connects to NATS or, with an exchange for a fragment, to RabbitMQ.
func connectTo(ctx context.Context, url string) (transport.Conn, error) {
	if server, exchange, ok := strings.Cut(url, "#"); ok {
		return atamqp.Connect(ctx, server, atamqp.Exchange(exchange))
	}
	return atnats.Connect(ctx, url)
}

// connect starts a node on the server at url.
func connect(ctx context.Context, url, slots string) (*actor.Node, error) {
	conn, err := connectTo(ctx, url)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(slots)
	if err != nil {
		return nil, fmt.Errorf("slots: %w", err)
	}
	return actor.Start(ctx, conn, actor.Config{
		Slots:  n,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// process is a worker that a test started.
type process struct {
	cmd  *exec.Cmd
	node string
	in   io.Closer
	once sync.Once
	err  error
}

// startWorker starts a worker process and waits until it serves. It is stopped
// at the end of the test.
func startWorker(t *testing.T, url string, slots int) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(t.Context()), exe)} // stop ends it, after the test's context
	p.cmd.Env = append(os.Environ(), roleVar+"="+workers, urlVar+"="+url, slotsVar+"="+strconv.Itoa(slots))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t) })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), ready); ok {
			p.node = id
			return p
		}
	}
	t.Fatal("worker ended before it served")
	return nil
}

// stop drains the worker with SIGTERM and waits for its end.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.once.Do(func() {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("signal the worker: %v", err)
		}
		kill := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
		defer kill.Stop()
		p.err = p.cmd.Wait()
	})
	if p.err != nil {
		t.Errorf("worker %s ended with %v, want a clean drain", p.node, p.err)
	}
}

// peak returns the most memory that the worker has held, in bytes.
func (p *process) peak(t *testing.T) int64 {
	t.Helper()
	return peakOf(t, p.cmd.Process.Pid)
}

func peakOf(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no VmHWM for process %d", pid)
	return 0
}

// startServer starts a server that other processes reach.
func startServer(t *testing.T) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	shutDown(t, srv)
	return srv
}

// shutDown stops a server at the end of the test.
func shutDown(t *testing.T, srv *embedded.Server) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
}

// startCaller starts a node in this process that serves nothing.
func startCaller(t *testing.T, url string) context.Context {
	t.Helper()
	node, err := connect(t.Context(), url, "0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return node.Context(t.Context())
}
