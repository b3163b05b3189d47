// Rabbitmq is a process that is at home in two worlds: in a namespace on
// RabbitMQ and in one on NATS. Tasks of each await tasks of the other, as if
// there were no border. It needs a RabbitMQ, and brings its NATS along:
//
//	go run ./examples/rabbitmq -amqp amqp://guest:guest@127.0.0.1:5672
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/amqp"
)

// The two namespaces, which are also the names under which linked nodes know
// each other.
const (
	office    = "office"    // on NATS
	warehouse = "warehouse" // on RabbitMQ
)

// Line is a part of an order.
type Line struct {
	Item  string
	Count int
}

var (
	// Quote lives in the office, and asks the warehouse for each line.
	Quote = atask.Declare[[]Line, string]("quote", atask.InNamespace(office))

	// Pick lives in the warehouse, and asks the office for the price.
	Pick = atask.Declare[Line, int]("pick", atask.InNamespace(warehouse))

	// Price lives in the office.
	Price = atask.Declare[string, int]("price", atask.InNamespace(office))
)

func quote(ctx context.Context, order []Line) (string, error) {
	cents, err := Pick.Map(ctx, order) // over RabbitMQ, all at once
	if err != nil {
		return "", err
	}
	sum := 0
	for _, c := range cents {
		sum += c
	}
	return fmt.Sprintf("%d lines, %d.%02d", len(order), sum/100, sum%100), nil
}

func pick(ctx context.Context, l Line) (int, error) {
	stock := map[string]int{"pen": 40, "ink": 2}
	if stock[l.Item] < l.Count {
		return 0, fmt.Errorf("%d x %s wanted, %d there", l.Count, l.Item, stock[l.Item])
	}
	cents, err := Price.Await(ctx, l.Item) // over NATS
	return l.Count * cents, err
}

func price(_ context.Context, item string) (int, error) {
	return map[string]int{"pen": 120, "ink": 450}[item], nil
}

func main() {
	url := flag.String("amqp", "amqp://guest:guest@127.0.0.1:5672", "where RabbitMQ is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *url, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string, out io.Writer, opts ...amqp.Option) (err error) {
	srv, err := embedded.Start(embedded.Config{})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, srv.Shutdown(stop))
	}()
	toNATS, err := srv.Connect()
	if err != nil {
		return err
	}
	here, err := start(ctx, toNATS, office, Quote.With(quote), Price.With(price))
	if err != nil {
		return err
	}
	defer here.Close()
	toRabbit, err := amqp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	there, err := start(ctx, toRabbit, warehouse, Pick.With(pick))
	if err != nil {
		return err
	}
	defer there.Close()

	// From here on a task awaits those of the other namespace like its own.
	if err := here.Link(there); err != nil {
		return err
	}
	text, err := Quote.Await(here.Context(ctx), []Line{{"pen", 12}, {"ink", 1}})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "quote:", text); err != nil {
		return err
	}

	// Errors cross both borders, with what the handler said.
	_, err = Quote.Await(there.Context(ctx), []Line{{"ink", 3}})
	_, err = fmt.Fprintln(out, "refused:", strings.Contains(fmt.Sprint(err), "3 x ink wanted, 2 there"))
	return err
}

// start serves tasks in a namespace. Every call goes through the broker, so
// that there is something to see; by default what this process serves itself it
// would also call without one.
func start(ctx context.Context, conn transport.Conn, namespace string, tasks ...actor.Servable) (*actor.Node, error) {
	node, err := actor.Start(ctx, conn, actor.Config{Namespace: namespace, NoLocal: true})
	if err != nil {
		return nil, err
	}
	if err := node.Serve(tasks...); err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return node, nil
}
