package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

const usage = `usage: codestats [-check] [-kill] [-workers n] [-server url] [-all] [-v] [directory]

Counts the Go source in a directory, by default that of the Go distribution, on
several worker processes.

  -check       compare the report with that of one process, byte for byte, and
               the totals with those of find and wc; fail if they differ
  -kill        send SIGKILL to a worker that has calls in hand, half way; fail
               if none of its calls had to run again
  -workers n   worker processes, 1 to 64, at least 2 with -kill; default 4
  -server url  a RabbitMQ to work over, as amqp://user:password@host/vhost;
               without it the program brings a NATS server along
  -all         list every package and import, not only the first 10
  -v           log what the workers do
`

// options is what the command line asks for.
type options struct {
	dir     string // empty: the source of the Go distribution
	check   bool
	kill    bool
	workers int
	server  string // empty: a NATS server of its own
	all     bool
	verbose bool
}

const (
	defaultWorkers = 4
	maxWorkers     = 64
)

// parseOptions reads the command line. It prints nothing; asked for help, it
// returns flag.ErrHelp.
func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("codestats", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.check, "check", false, "")
	flags.BoolVar(&o.kill, "kill", false, "")
	flags.IntVar(&o.workers, "workers", defaultWorkers, "")
	flags.StringVar(&o.server, "server", "", "")
	flags.BoolVar(&o.all, "all", false, "")
	flags.BoolVar(&o.verbose, "v", false, "")
	if err := flags.Parse(args); err != nil {
		return options{}, fmt.Errorf("%w; -h lists what there is", err)
	}
	switch {
	case flags.NArg() > 1:
		return options{}, fmt.Errorf("%d directories given, want at most one", flags.NArg())
	case o.workers < 1 || o.workers > maxWorkers:
		return options{}, fmt.Errorf("-workers %d: want 1 to %d", o.workers, maxWorkers)
	case o.kill && o.workers < 2:
		return options{}, errors.New("-kill with -workers 1: want at least 2, or nobody is left to do the work")
	}
	o.dir = flags.Arg(0)
	return o, nil
}

// rows is how many rows each list of the report shows.
func (o options) rows() int {
	if o.all {
		return everything
	}
	return top
}
