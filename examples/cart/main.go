// Command cart is a shop whose customers fill carts and forget half of them.
//
//	cart [-customers n] [-hosts n] [-patience d]
//
// A cart is an entity: state behind the customer's name that one host at a time
// owns and that every answer has saved. The program starts a server within
// itself, and itself again as hosts. While the customers choose, one host is
// killed: its carts go on elsewhere, with all that was put into them. Who pays is
// not bothered. Who does not is reminded, once, by the broker, however many hosts
// have died meanwhile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/atasks-io/atasks/examples/internal/hosts"
)

// options are what the command line says.
type options struct {
	customers int
	hosts     int
	patience  time.Duration
}

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cart:", err)
		os.Exit(1)
	}
}

// start is the program, or one of its hosts.
func start(args []string) error {
	if hosts.IsHost() {
		return hosts.Serve(carts())
	}
	var o options
	flags := flag.NewFlagSet("cart", flag.ContinueOnError)
	flags.IntVar(&o.customers, "customers", 60, "how many `customers` come")
	flags.IntVar(&o.hosts, "hosts", 3, "how many `hosts` keep their carts")
	flags.DurationVar(&o.patience, "patience", 5*time.Second, "how long a cart may stand before its customer is reminded")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case o.customers < 1 || o.hosts < 2 || flags.NArg() > 0:
		return errors.New("want a customer at least, two hosts, of which one dies, and no arguments")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return run(ctx, o, os.Stdout)
}

// run opens the shop, lets the customers come and go, and says what became of
// their carts.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	srv, address, err := hosts.StartServer()
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, srv.Shutdown(ctx))
	}()
	s, err := openShop(ctx, srv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.node.Close()) }()
	fleet := make([]*hosts.Host, o.hosts)
	for i := range fleet {
		if fleet[i], err = hosts.Start(ctx, address); err != nil {
			return err
		}
		defer fleet[i].Stop()
	}
	began := time.Now()
	fallen := make(chan error, 1)
	bought, err := s.serve(ctx, o, func() { fallen <- fleet[0].Kill() })
	if err != nil {
		return err
	}
	if err := <-fallen; err != nil {
		return fmt.Errorf("kill a host: %w", err)
	}
	if err := say(out, "%d customers filled carts on %d hosts within %v; host %s was killed when there were %d\n",
		o.customers, o.hosts, time.Since(began).Round(time.Millisecond), fleet[0].Node, bought.begun); err != nil {
		return err
	}
	return s.close(ctx, o, bought, out)
}

func say(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(out, format, args...)
	return err
}
