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
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/atasks-io/atasks/embedded"
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
	if server := os.Getenv(serverVariable); server != "" {
		signal.Ignore(os.Interrupt) // a terminal sends it to all processes; it is for the parent
		return host(server, os.Stdin, os.Stdout)
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
	srv, address, err := startServer()
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
		defer cancel()
		err = errors.Join(err, srv.Shutdown(ctx))
	}()
	s, err := openShop(ctx, srv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.node.Close()) }()
	hosts := make([]*process, o.hosts)
	for i := range hosts {
		if hosts[i], err = launch(ctx, address); err != nil {
			return err
		}
		defer hosts[i].stop()
	}
	began := time.Now()
	fallen := make(chan error, 1)
	bought, err := s.serve(ctx, o, func() { fallen <- hosts[0].kill() })
	if err != nil {
		return err
	}
	if err := <-fallen; err != nil {
		return fmt.Errorf("kill a host: %w", err)
	}
	if err := say(out, "%d customers filled carts on %d hosts within %v; host %s was killed when there were %d\n",
		o.customers, o.hosts, time.Since(began).Round(time.Millisecond), hosts[0].node, bought.begun); err != nil {
		return err
	}
	return s.close(ctx, o, bought, out)
}

// startServer starts a server for this program alone, and returns the URL for
// its hosts. Other users of the machine find the port, and no password.
func startServer() (srv *embedded.Server, address string, err error) {
	auth := embedded.Auth{User: "cart", Password: rand.Text()}
	srv, err = embedded.Start(embedded.Config{Listen: "127.0.0.1:0", Auth: auth})
	if err != nil {
		return nil, "", err
	}
	_, at, _ := strings.Cut(srv.URL(), "://")
	return srv, (&url.URL{Scheme: "nats", User: url.UserPassword(auth.User, auth.Password), Host: at}).String(), nil
}

func say(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(out, format, args...)
	return err
}
