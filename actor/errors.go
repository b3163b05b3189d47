package actor

import (
	"context"
	"errors"
	"strconv"

	"github.com/atasks-io/atasks/internal/wire"
)

// Conditions that callers branch on with errors.Is. The errors that calls
// return are of type *[Error] and match one of these, or the handler's own.
// The ends of contexts match context.Canceled and context.DeadlineExceeded.
var (
	// ErrNoWorker: no worker serves the task. The handler did not run.
	ErrNoWorker = errors.New("no worker")
	// ErrBusy: every worker that was asked is full. The handler did not run.
	ErrBusy = errors.New("workers busy")
	// ErrDraining: the node is stopping and takes no new call. As the cause of
	// a handler's context: the node's drain ran out of time.
	ErrDraining = errors.New("draining")
	// ErrDisconnected: the connection to the broker was cut and did not come
	// back in time. The call was not sent.
	ErrDisconnected = errors.New("disconnected")
	// ErrWorkerLost: the worker that had the call died, froze, was cut off or
	// was stopped before the result was there. The handler may have run.
	ErrWorkerLost = errors.New("worker lost")
	// ErrCallerLost is the cause of a handler's context when whoever awaits
	// the call is gone. No caller ever receives it.
	ErrCallerLost = errors.New("caller lost")
	// ErrBadInput: the input is not what the task takes. The handler did not
	// run.
	ErrBadInput = errors.New("bad input")
	// ErrBadResult: the result is not what the caller expects. The handler
	// ran.
	ErrBadResult = errors.New("bad result")
	// ErrTooDeep: calls are nested deeper than Config.MaxDepth. The handler
	// did not run.
	ErrTooDeep = errors.New("nested too deep")
	// ErrTooLarge: an input or a result exceeds what the broker carries.
	ErrTooLarge = errors.New("too large")
	// ErrPanicked: the handler panicked or called runtime.Goexit.
	ErrPanicked = errors.New("panicked")
	// ErrDenied: the broker does not permit this node to call the task.
	ErrDenied = errors.New("permission denied")
	// ErrNoNode: the context carries no node and the call names none.
	ErrNoNode = errors.New("no node in the context")
	// ErrNoLink: the task belongs to a namespace that the node is not linked
	// to.
	ErrNoLink = errors.New("no link to the namespace")
	// ErrClosed: the node is closed.
	ErrClosed = errors.New("node closed")
	// ErrBadName: a task, namespace or group has a name that does not fit.
	ErrBadName = errors.New("bad name")
	// ErrStuck: a node was closed while handlers ran that ignore the end of
	// their context. They go on; nothing else of the node does.
	ErrStuck = errors.New("handlers ignore the end of their context")
	// ErrBadOption: an option of a declaration, of serving or of a call makes no
	// sense.
	ErrBadOption = errors.New("bad option")
	// ErrConflict: another node has taken over the entity. What the method did
	// to the state has no effect.
	ErrConflict = errors.New("conflict")
	// ErrUnsaved: the method ran, and the store took no notice of it: the state
	// is as it was.
	ErrUnsaved = errors.New("not saved")
	// ErrCycle: the entity waits for this very message already, by way of the
	// entities that the message names. The method did not run.
	ErrCycle = errors.New("cycle of asks")
	// ErrDuplicate: a task or a kind is served twice on one node.
	ErrDuplicate = errors.New("already served")
)

// Codes that never travel: the caller's runtime alone emits them.
const (
	codeBadResult = "bad_result"
	codeDenied    = "denied"
	codeClosed    = "closed"
	codeNoNode    = "no_node"
	codeNoLink    = "no_link"
	codeBadName   = "bad_name"
	codeBadOption = "bad_option"
)

// Executed says whether the handler of a failed call ran.
type Executed uint8

// What is known of a failed call's handler.
const (
	ExecutedUnknown = Executed(wire.ExecutedUnknown) // it may have run, or may still
	ExecutedNo      = Executed(wire.ExecutedNo)      // it did not and will not
	ExecutedYes     = Executed(wire.ExecutedYes)     // it ran to its end
)

// String returns "unknown", "no" or "yes".
func (e Executed) String() string { return wire.Executed(e).String() }

// Error is the error of a call. Every error that Await, Request and Tell
// return is one. It is read-only.
//
// errors.Is finds the sentinel of its Code, and both errors.Is and errors.As
// find causes that were registered in Config.Errors on both sides.
type Error struct {
	Code     string   // of the protocol: "failed", "busy", "worker_lost", …
	Message  string   // what happened, for people; of "failed", the handler's own text
	Name     string   // the task, or kind and method of an entity
	Key      string   // of the entity; empty for a task
	Call     string   // the call's ID; empty when it never got one
	Node     string   // the worker's node, where known
	Executed Executed // whether the handler ran

	permanent bool
	cause     error
}

// Error names the task, the condition and what is known of it.
func (e *Error) Error() string {
	s := textOf(e.Code, e.Message)
	switch {
	case e.Name == "" && e.Code != codeBadName:
		return s
	case e.Key != "" && len(e.Name) <= 2*wire.MaxName:
		return strconv.Quote(e.Name) + " of " + strconv.Quote(e.Key[:min(len(e.Key), wire.MaxKey)]) + ": " + s
	case len(e.Name) > wire.MaxName:
		return "task " + strconv.Quote(e.Name[:wire.MaxName]+"…") + ": " + s
	default:
		return "task " + strconv.Quote(e.Name) + ": " + s
	}
}

// textOf puts a condition before the message that says more of it. The words
// of a handler stand for themselves.
func textOf(code, message string) string {
	switch {
	case code == wire.CodeFailed:
		return message
	case sentinel(code) == errUnknownCode: //nolint:errorlint // identity is the question
		message = "as " + strconv.Quote(code) + ": " + message
		return errUnknownCode.Error() + " " + message
	case message == "":
		return sentinel(code).Error()
	default:
		return sentinel(code).Error() + ": " + message
	}
}

// Unwrap returns the cause: of a handler's error the registered error that it
// wrapped, or nil; otherwise the sentinel of the code.
func (e *Error) Unwrap() error {
	if e.cause == nil && e.Code != wire.CodeFailed {
		return sentinel(e.Code)
	}
	return e.cause
}

// Is says whether target is the sentinel of the code.
func (e *Error) Is(target error) bool {
	return e.Code != wire.CodeFailed && target == sentinel(e.Code)
}

// errUnknownCode stands for codes of later versions.
var errUnknownCode = errors.New("refused")

// sentinel returns the sentinel of a code, errUnknownCode for one it does not
// know. CodeFailed has none.
func sentinel(code string) error {
	switch code {
	case wire.CodeNoWorker:
		return ErrNoWorker
	case wire.CodeBusy:
		return ErrBusy
	case wire.CodeDraining:
		return ErrDraining
	case wire.CodeDisconnected:
		return ErrDisconnected
	case wire.CodeWorkerLost:
		return ErrWorkerLost
	case wire.CodeDeadline:
		return context.DeadlineExceeded
	case wire.CodeCancelled:
		return context.Canceled
	case wire.CodeBadInput:
		return ErrBadInput
	case wire.CodeTooDeep:
		return ErrTooDeep
	case wire.CodeTooLarge:
		return ErrTooLarge
	case wire.CodePanicked:
		return ErrPanicked
	case wire.CodeMoved:
		return ErrBusy // hosts that do not agree who owns a key, for too long
	case wire.CodeConflict:
		return ErrConflict
	case wire.CodeUnsaved:
		return ErrUnsaved
	case wire.CodeCycle:
		return ErrCycle
	case codeBadResult:
		return ErrBadResult
	case codeDenied:
		return ErrDenied
	case codeClosed:
		return ErrClosed
	case codeNoNode:
		return ErrNoNode
	case codeNoLink:
		return ErrNoLink
	case codeBadName:
		return ErrBadName
	case codeBadOption:
		return ErrBadOption
	default:
		return errUnknownCode
	}
}

// runtimeCode returns the code of the runtime's own conditions that err
// carries, so that a parent that passes on its child's error keeps it
// findable; "" when there is none.
func runtimeCode(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Code != wire.CodeFailed {
		if sentinel(e.Code) == errUnknownCode { //nolint:errorlint // identity is the question
			return ""
		}
		return e.Code
	}
	// The error of a handler that failed because of one of these, or the end of
	// a context.
	for _, code := range [...]string{
		wire.CodeDeadline, wire.CodeCancelled, wire.CodeNoWorker, wire.CodeBusy, wire.CodeDraining, wire.CodeDisconnected,
		wire.CodeWorkerLost, wire.CodeBadInput, wire.CodeTooDeep, wire.CodeTooLarge, wire.CodePanicked,
		wire.CodeConflict, wire.CodeUnsaved, wire.CodeCycle, codeBadResult, codeDenied, codeClosed, codeNoNode, codeNoLink, codeBadName, codeBadOption,
	} {
		if errors.Is(err, sentinel(code)) {
			return code
		}
	}
	return ""
}

// permanentError marks an error that running again cannot help.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks err as not worth a retry: a task's retry policy gives up at
// once. The mark survives the trip to the caller. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// isPermanent says whether err, or the call that it comes from, is marked.
func isPermanent(err error) bool {
	if _, ok := errors.AsType[permanentError](err); ok {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.permanent
}
