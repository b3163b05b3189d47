package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/atasks-io/atasks/actor"
)

// What a worker process finds in its environment, and what makes it one.
const (
	numberVariable  = "CODESTATS_WORKER"
	serverVariable  = "CODESTATS_SERVER"
	verboseVariable = "CODESTATS_VERBOSE"
)

// readyPrefix begins the only line that a worker writes to its output. The
// name of its node follows.
const readyPrefix = "ready "

// workerDrain is how long a worker that is told to stop goes on with what it
// has in hand: by then nobody waits for it.
const workerDrain = time.Second

// work is the worker process: it serves the tasks until ctx or the input
// ends. The parent holds the other end of the input, and the system closes it
// when the parent is gone, however it went: no worker is left behind.
func work(ctx context.Context, getenv func(string) string, input io.Reader, output, stderr io.Writer, tasks []actor.Servable) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, input)
		stop()
	}()
	err := serve(ctx, getenv, output, stderr, tasks)
	if err == nil || ctx.Err() != nil && !errors.Is(err, actor.ErrStuck) {
		return nil // told to stop; what it had in hand is of no use any more
	}
	return fmt.Errorf("worker %s: %w", getenv(numberVariable), err)
}

// serve serves the tasks until ctx ends.
func serve(ctx context.Context, getenv func(string) string, output, stderr io.Writer, tasks []actor.Servable) error {
	node, err := startWorker(ctx, getenv, stderr, tasks)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(output, readyPrefix+node.ID()); err != nil {
		return errors.Join(err, node.Close())
	}
	return node.Run(ctx)
}

// startWorker connects to the parent's server and serves the tasks.
func startWorker(ctx context.Context, getenv func(string) string, stderr io.Writer, tasks []actor.Servable) (*actor.Node, error) {
	name := "codestats-" + getenv(numberVariable)
	conn, err := connect(ctx, getenv(serverVariable), name)
	if err != nil {
		return nil, err
	}
	node, err := actor.Start(ctx, conn, actor.Config{
		Group:  name,
		Logger: logs{stderr, getenv(verboseVariable) != ""}.logger().With("worker", getenv(numberVariable)),
		// Counting needs a processor all the time. What has to wait waits in
		// the mailbox, where the deepest call is next and little is lost.
		Slots:        2 * runtime.GOMAXPROCS(0),
		DrainTimeout: workerDrain,
	})
	if err != nil {
		return nil, err
	}
	if err := node.Serve(tasks...); err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return node, nil
}
