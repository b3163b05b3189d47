package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/cmd/atasks/internal/cli"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// order is an input with fields of several kinds.
type order struct {
	ID    int64             `json:"id" msgpack:"id"`
	Items []item            `json:"items" msgpack:"items"`
	Tags  map[string]string `json:"tags,omitempty" msgpack:"tags,omitempty"`
}

type item struct {
	SKU   string `json:"sku" msgpack:"sku"`
	Count int    `json:"count" msgpack:"count"`
}

// The tasks that scripts call.
var (
	hello = atask.Define("hello", func(_ context.Context, name string) (string, error) { return "hello, " + name, nil })
	fib   = atask.Declare[int, int]("fib")
	put   = atask.Define("order.put", func(_ context.Context, o order) (order, error) { return o, nil })
	fails = atask.Define("fails", func(_ context.Context, why string) (string, error) { return "", errors.New(why) })
	evil  = atask.Define("evil", func(context.Context, atask.None) (string, error) {
		return "\x1b]0;owned\x07 and \u009b31m red", nil
	})
	crash = atask.Define("crash", func(context.Context, atask.None) (string, error) { panic("on purpose") })
	slow  = atask.Define("slow", func(ctx context.Context, n int) (int, error) {
		atask.Progress(ctx, int64(n), 10, "half \x1b[31m way")
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	forest = atask.Define("forest", func(ctx context.Context, n int) (int, error) {
		var all []*atask.Future[int]
		for i := range n {
			all = append(all, slow.Start(ctx, i))
		}
		_, err := atask.All(ctx, all...)
		return n, err
	})
)

// counter is an entity that scripts ask.
type counter struct{ N int }

func (c *counter) add(_ context.Context, n int) (int, error) {
	if n < 0 {
		return 0, errors.New("less than nothing \x1b[31m")
	}
	c.N += n
	return c.N, nil
}

// counters are a kind that every transport hosts, and one for those that keep
// records.
func counters(conn transport.Conn) []actor.Servable {
	kinds := []*actor.Kind[counter]{actor.DeclareKind[counter]("tally", actor.Volatile())}
	if _, ok := conn.(transport.Storer); ok {
		kinds = append(kinds, actor.DeclareKind[counter]("counter"))
	}
	var all []actor.Servable
	for _, k := range kinds {
		all = append(all, k.With(actor.Method[int, int](k, "add").With((*counter).add)))
	}
	return all
}

func fibonacci(ctx context.Context, n int) (int, error) {
	if n < 2 {
		return n, nil
	}
	v, err := atask.All(ctx, fib.Start(ctx, n-1), fib.Start(ctx, n-2))
	if err != nil {
		return 0, err
	}
	return v[0] + v[1], nil
}

// connect connects to the script's broker.
func connect(ctx context.Context) (transport.Conn, error) {
	url := os.Getenv("ATASKS_SERVER")
	if strings.HasPrefix(url, "amqp:") {
		return atamqp.Connect(ctx, url)
	}
	return atnats.Connect(ctx, url)
}

// worker is a worker process until SIGTERM, or until its node was drained.
func worker() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := func() error {
		conn, err := connect(ctx)
		if err != nil {
			return err
		}
		// Forests go to the other node, too.
		n, err := actor.Start(ctx, conn, actor.Config{Namespace: os.Getenv("ATASKS_NAMESPACE"), Version: "1.2.3", NoLocal: true, Codec: codec.Msgpack, CallerLostAfter: time.Minute})
		if err != nil {
			return err
		}
		if err := n.Serve(append(counters(conn), hello, fib.With(fibonacci), put, fails, evil, crash, slow, forest)...); err != nil {
			return errors.Join(err, n.Close())
		}
		fmt.Println("ready " + n.ID())
		return n.Run(ctx)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// watch runs a verb, and calls tasks over and over while it does.
func watch() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	conn, err := connect(ctx)
	if err != nil {
		return 1
	}
	n, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		return 1
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			_, _ = hello.Await(n.Context(ctx), "watcher")
			_, _ = fails.Await(n.Context(ctx), "boom \x1b[31m")
			<-tick.C
		}
	}()
	code := cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	stop()
	<-done
	_ = n.Close()
	return code
}
