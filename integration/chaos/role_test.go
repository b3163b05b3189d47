package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// roleVar holds the role, as JSON, of a process that this binary starts.
const roleVar = "ATASKS_CHAOS_ROLE"

// ready is what a process prints when it plays its part, followed by its
// node's ID or, for a broker, its URL.
const ready = "ready "

// lifetime bounds every process, should all else fail.
const lifetime = 3 * time.Hour

// role is the part that a process plays. Exactly one of the pointers is set.
type role struct {
	Name   string // of its files
	Dir    string // where they are
	Raced  bool   // with the race detector, if the test has it
	Broker *brokerRole
	Worker *workerRole
	Caller *callerRole
	Server *serverRole
	Host   *hostRole
}

// play plays a role until SIGTERM, or until standard input is closed: the test
// asks for that, or is gone.
func play(spec string) error {
	var r role
	if err := json.Unmarshal([]byte(spec), &r); err != nil {
		return err
	}
	time.AfterFunc(lifetime, func() { os.Exit(3) })
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	j, err := openJournal(r.Dir, r.Name)
	if err != nil {
		return err
	}
	defer j.watch()()
	switch {
	case r.Broker != nil:
		return r.Broker.play(ctx)
	case r.Worker != nil:
		return r.Worker.play(ctx, j)
	case r.Caller != nil:
		return r.Caller.play(ctx, j)
	case r.Server != nil:
		return r.Server.play(ctx)
	case r.Host != nil:
		return r.Host.play(ctx)
	}
	return fmt.Errorf("a role without a part: %s", spec)
}

// stderr returns a logger to standard error, the log of a process.
func stderr() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// connectTo connects to NATS or to RabbitMQ.
func connectTo(ctx context.Context, url string, log *slog.Logger, opts ...nats.Option) (transport.Conn, error) {
	if server, exchange, ok := strings.Cut(url, "#"); ok {
		return atamqp.Connect(ctx, server, atamqp.Exchange(exchange), atamqp.Logger(log))
	}
	return atnats.Connect(ctx, url, atnats.Logger(log), atnats.ClientOptions(opts...))
}

// startNode starts a node on the server at url.
func startNode(ctx context.Context, url string, cfg actor.Config, opts ...nats.Option) (*actor.Node, error) {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := connectTo(ctx, url, log, opts...)
	if err != nil {
		return nil, err
	}
	cfg.Errors = append(cfg.Errors, actor.SentinelError("on_purpose", errOnPurpose))
	return actor.Start(ctx, conn, cfg)
}
