package atask

import (
	"context"
	"time"

	"github.com/atasks-io/atasks/actor"
)

// Names of the runtime that programs meet here, too. They are the same types
// and the same values as in package actor.
type (
	// Future is the awaiter's end of a call.
	Future[T any] = actor.Future[T]
	// Result is the outcome of one call among several.
	Result[T any] = actor.Result[T]
	// Error is the error of a call.
	Error = actor.Error
	// Info tells a handler about its call.
	Info = actor.Info
	// Call is what middleware sees.
	Call = actor.Call
	// Handler handles a call, for middleware.
	Handler = actor.Handler
	// Middleware wraps a Handler.
	Middleware = actor.Middleware
	// Servable is what Serve takes.
	Servable = actor.Servable
	// ServeOption is an option of With.
	ServeOption = actor.ServeOption
	// TaskOption is an option of Declare.
	TaskOption = actor.TargetOption
	// CallOption is an option of one call.
	CallOption = actor.CallOption
	// RetryPolicy says how often and when a failed call runs again.
	RetryPolicy = actor.RetryPolicy
	// ErrorType lets an error survive the trip.
	ErrorType = actor.ErrorType
	// ProgressReport is what OnProgress receives.
	ProgressReport = actor.Progress
	// None is no input, or no output.
	None = struct{}
)

// The conditions that callers branch on with errors.Is; see package actor.
var (
	ErrNoWorker     = actor.ErrNoWorker
	ErrBusy         = actor.ErrBusy
	ErrDraining     = actor.ErrDraining
	ErrDisconnected = actor.ErrDisconnected
	ErrWorkerLost   = actor.ErrWorkerLost
	ErrCallerLost   = actor.ErrCallerLost
	ErrBadInput     = actor.ErrBadInput
	ErrBadResult    = actor.ErrBadResult
	ErrTooDeep      = actor.ErrTooDeep
	ErrTooLarge     = actor.ErrTooLarge
	ErrPanicked     = actor.ErrPanicked
	ErrDenied       = actor.ErrDenied
	ErrNoNode       = actor.ErrNoNode
	ErrNoLink       = actor.ErrNoLink
	ErrClosed       = actor.ErrClosed
	ErrBadName      = actor.ErrBadName
	ErrStuck        = actor.ErrStuck
	ErrBadOption    = actor.ErrBadOption
	ErrDuplicate    = actor.ErrDuplicate
	ErrConflict     = actor.ErrConflict
	ErrUnsaved      = actor.ErrUnsaved
	ErrCycle        = actor.ErrCycle
)

// InNamespace says that the task lives in the namespace that the caller's node
// knows under role; see actor.Node.Link.
func InNamespace(role string) TaskOption { return actor.InNamespace(role) }

// Timeout bounds a call of the task, all attempts together.
func Timeout(d time.Duration) TaskOption { return actor.Timeout(d) }

// Idempotent says that running a call twice does no harm: a call whose worker
// was lost is run again, up to three attempts in all.
func Idempotent() TaskOption { return actor.Idempotent() }

// Retry runs a call again after its handler failed. It implies Idempotent.
func Retry(p RetryPolicy) TaskOption { return actor.Retry(p) }

// Limit bounds how many calls of the task execute at once on a node.
func Limit(n int) ServeOption { return actor.Limit(n) }

// CallTimeout bounds one call, in place of the task's Timeout.
func CallTimeout(d time.Duration) CallOption { return actor.CallTimeout(d) }

// Via makes the call through n, whatever node the context carries.
func Via(n *actor.Node) CallOption { return actor.Via(n) }

// InFlight bounds how many calls of one Map are under way at once. Default 256.
func InFlight(n int) CallOption { return actor.InFlight(n) }

// OnProgress calls fn with what the handler reports, never two at once, on a
// goroutine of its own. Of reports in quick succession some are skipped, the
// last never is.
func OnProgress(fn func(ProgressReport)) CallOption { return actor.OnProgress(fn) }

// Meta adds metadata to this call and to all calls below it.
func Meta(key, value string) CallOption { return actor.Meta(key, value) }

// Permanent marks err as not worth a retry. Permanent(nil) is nil.
func Permanent(err error) error { return actor.Permanent(err) }

// Progress says how far the handler that runs under ctx is: done of total, in
// units of the task's choice, and a note. It never blocks and may be called as
// often as one likes. It is shown by inspection, and to an awaiter who asked
// with [OnProgress]. Outside a handler it does nothing.
func Progress(ctx context.Context, done, total int64, note string) {
	actor.ReportProgress(ctx, done, total, note)
}

// InfoFrom returns what is known of the call whose handler runs under ctx; ok
// is false outside a handler.
func InfoFrom(ctx context.Context) (info Info, ok bool) { return actor.InfoFrom(ctx) }

// WithMetadata returns a context whose calls carry the entry, and all calls
// below them; see actor.WithMetadata for what fits.
func WithMetadata(ctx context.Context, key, value string) context.Context {
	return actor.WithMetadata(ctx, key, value)
}

// Metadata returns the value of an entry, or "". Keys are case-sensitive.
func Metadata(ctx context.Context, key string) string { return actor.Metadata(ctx, key) }

// SentinelError makes errors.Is find err at the awaiter, where both sides have
// it in actor.Config.Errors under the same code.
func SentinelError(code string, err error) ErrorType { return actor.SentinelError(code, err) }

// TypedError makes errors.As find an E at the awaiter, where both sides have it
// in actor.Config.Errors under the same code.
func TypedError[E error](code string) ErrorType { return actor.TypedError[E](code) }
