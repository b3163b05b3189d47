// Command bench measures awaits of tasks against what a good engineer would
// write by hand on NATS, in one run, in alternation, on the same server.
//
//	go run ./integration/bench [-run regexp] [-pairs n] [-time d] [-markdown] …
//
// The program starts itself again as a server, as workers and as callers, a
// process for each, and tells them what to do: this process only counts. See
// docs/benchmarks.md for what is measured and how, and -help for the flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start is the program, or one of the processes that it starts.
func start() error {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	as := identityFrom(os.Getenv)
	if as.role != "" {
		// A terminal sends the interrupt to all processes at once. It is for
		// the parent, who stops the others.
		signal.Ignore(os.Interrupt)
		signals = signals[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	if as.role != "" {
		return as.serve(ctx, os.Stdin, os.Stdout)
	}
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	chosen := o.choose(sections())
	if o.list {
		return listSections(stdout, chosen)
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no section matches -run %q: -list shows them", o.run)
	}
	b, err := newBench(ctx, o, &shared{w: stderr}) // all processes write there
	if err != nil {
		return err
	}
	err = b.measure(ctx, chosen)
	if err != nil {
		o.update = "" // the document is to hold one whole run
	}
	return errors.Join(err, b.close(), b.report.deliver(o, stdout))
}
