// Command codestats counts a tree of Go source on several worker processes:
// files, lines of code, comment and blank, functions and imports, by package
// and in total.
//
//	codestats [-check] [-kill] [-workers n] [-all] [-v] [directory]
//
// The directory is the source of the Go distribution unless one is given.
// Every regular file whose name ends in ".go" counts, wherever it lies;
// symbolic links are neither followed nor counted.
//
// The program starts a server within itself, and itself again as worker
// processes, and then awaits one task: that for the root. A task for a directory
// awaits one for each sub-directory and one for each batch of files. With
// -check the report is compared with that of one process, with -kill a worker
// dies half way.
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

	"github.com/atasks-io/atasks/actor"
)

func main() {
	if err := start(CountTree.With(countTree), CountBatch.With(countBatch)); err != nil {
		fmt.Fprintln(os.Stderr, "codestats:", err)
		os.Exit(1)
	}
}

// start is the program, or one of its workers, which serves the tasks.
func start(tasks ...actor.Servable) error {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	worker := os.Getenv(serverVariable) != ""
	if worker {
		// A terminal sends the interrupt to all processes at once. It is for
		// the parent, who stops its workers.
		signal.Ignore(os.Interrupt)
		signals = signals[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if worker {
		return work(ctx, os.Getenv, os.Stdin, os.Stdout, os.Stderr, tasks)
	}
	s := newScreen(os.Stderr, isTerminal(os.Stderr))
	defer s.close()
	return run(ctx, os.Args[1:], os.Stdout, s)
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout io.Writer, s *screen) error {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(stdout, usage)
		return err
	}
	if err != nil {
		return err
	}
	root, err := findRoot(ctx, o.dir)
	if err != nil {
		return err
	}
	files, err := countNames(ctx, root)
	if err != nil {
		return err
	}
	result, err := distributed(ctx, root, files, o, s)
	if err != nil {
		return err
	}
	return present(ctx, root, o, result, stdout, s)
}

// present writes the report and what else there is to say, and does the checks
// that were asked for. It goes on after one that fails.
func present(ctx context.Context, root string, o options, result outcome, stdout io.Writer, s *screen) error {
	report := result.part.Stats.report(root)
	if err := errors.Join(report.write(stdout, o.rows()), result.writeSpread(stdout)); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	failed := errors.Join(result.err, result.checkSpread())
	runs := []speed{{fmt.Sprintf("%d workers", o.workers), result.took, report.Total}}
	if !o.check {
		return errors.Join(failed, writeSpeeds(stdout, runs...))
	}
	once, took, err := timed(ctx, root, s)
	if err != nil {
		return errors.Join(failed, err)
	}
	runs = append(runs, speed{"1 process", took, once.Total})
	return errors.Join(failed,
		writeSpeeds(stdout, runs...),
		checkSame(report, once, stdout),
		checkTotals(ctx, report, stdout),
	)
}
