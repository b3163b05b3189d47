package cli

import (
	"context"
	"errors"

	"github.com/atasks-io/atasks/actor"
)

// What a verb's exit code says. Scripts rely on them.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2   // the command line, or an input that the task does not take
	exitFailed      = 3   // the task ran and returned an error
	exitTimeout     = 4   // a deadline passed
	exitNotFound    = 5   // no such call, node, task
	exitNoWorker    = 6   // nobody serves the task
	exitConnect     = 7   // no connection, or no permission
	exitInterrupted = 130 // by a signal; a call was cancelled
)

// coded is an error with the exit code that it asks for.
type coded struct {
	code int
	error
}

func (e coded) Unwrap() error { return e.error }

// errInterrupted is why the context of a verb ended on a signal.
var errInterrupted = errors.New("interrupted")

// exitCode is the code for what went wrong.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if c, ok := errors.AsType[coded](err); ok {
		return c.code
	}
	if e, ok := errors.AsType[*actor.Error](err); ok {
		switch e.Code {
		case "failed", "panicked":
			return exitFailed
		case "bad_input", "bad_name", "too_large":
			return exitUsage
		}
	}
	switch {
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, actor.ErrNoWorker):
		return exitNoWorker
	case errors.Is(err, actor.ErrNodeGone):
		return exitNotFound
	case errors.Is(err, actor.ErrDenied), errors.Is(err, actor.ErrDisconnected), errors.Is(err, actor.ErrClosed):
		return exitConnect
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	default:
		return exitOther
	}
}
