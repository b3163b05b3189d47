package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
)

// Target is what can be called: a name, the role of the namespace it lives in,
// and how calls of it behave. It is what package atask builds its tasks on;
// programs declare those instead. A Target is immutable and belongs to no
// node.
type Target struct {
	name       string
	role       string // of the namespace; "" for the caller's own
	timeout    time.Duration
	rerunnable bool        // running it again is safe
	untyped    bool        // input and result are bytes
	method     *methodDecl // of a kind; nil for a task
	retry      *RetryPolicy
	in, out    *plainType                             // nil where values must pass the codec
	decoded    func(*call) (any, error)               // the result of a call as an Out, for middleware
	copied     func(codec.Codec, []byte) (any, error) // an input as an In, likewise
	nameErr    error                                  // what is wrong with the name …
	optionErr  error                                  // … and with the options

	sentTo atomic.Pointer[namespaceSubject] // where its calls went last
}

// namespaceSubject is the subject of a task in a namespace.
type namespaceSubject struct{ namespace, subject string }

// subject is where calls of the target go in a namespace. Programs call a task
// in one, so the last is kept.
func (t *Target) subject(namespace string) string {
	if s := t.sentTo.Load(); s != nil && s.namespace == namespace {
		return s.subject
	}
	s := &namespaceSubject{namespace, wire.TaskSubject(namespace, t.name)}
	t.sentTo.Store(s)
	return s.subject
}

// NewTarget declares a target that takes an In and returns an Out. It never
// fails: a name that does not fit is reported by whoever serves or calls it.
func NewTarget[In, Out any](name string, opts ...TargetOption) *Target {
	t := &Target{
		name:    name,
		in:      plainTypeOf(reflect.TypeFor[In]()),
		out:     plainTypeOf(reflect.TypeFor[Out]()),
		nameErr: wire.CheckName(name),
		decoded: func(c *call) (any, error) {
			if c.out != nil {
				if v, ok := c.out.(Out); ok {
					return v, nil
				}
			}
			var v Out
			err := c.decode(&v)
			return v, err
		},
		copied: func(c codec.Codec, body []byte) (any, error) {
			var v In
			err := c.Unmarshal(body, &v)
			return v, err
		},
	}
	for _, o := range opts {
		if o != nil {
			o(t)
		}
	}
	return t
}

// Name returns the name that the target was declared with.
func (t *Target) Name() string { return declared(t).name }

// declared returns t, or in place of nil, which is what the zero value of a
// task holds, a target that says what is missing.
func declared(t *Target) *Target {
	if t == nil {
		return &Target{nameErr: errors.New("the zero value of a task has none: make it with Declare or Define")}
	}
	return t
}

// fault says what is wrong with the declaration, and under which code; nil
// when nothing is.
func (t *Target) fault() (code string, err error) {
	if t.nameErr != nil {
		return codeBadName, t.nameErr
	}
	return codeBadOption, t.optionErr
}

// join joins two errors, either of which may be nil, on one line.
func join(a, b error) error {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return fmt.Errorf("%w; %w", a, b)
}

// TargetOption is an option of a declaration.
type TargetOption func(*Target)

// InNamespace says that the target lives in the namespace that the caller's
// node knows under role: see [Node.Link] and [As].
func InNamespace(role string) TargetOption {
	return func(t *Target) {
		t.role = role
		t.optionErr = join(t.optionErr, wire.CheckToken("InNamespace: role", role))
	}
}

// Timeout bounds a call, all attempts together. The deadline of the caller's
// context counts too, whichever is sooner.
func Timeout(d time.Duration) TargetOption {
	return func(t *Target) {
		t.timeout = d
		if d <= 0 {
			t.optionErr = join(t.optionErr, fmt.Errorf("Timeout(%v): want more than 0", d))
		}
	}
}

// Idempotent says that running a call twice does no harm. A call whose worker
// was lost is then run again elsewhere, up to three attempts in all.
func Idempotent() TargetOption {
	return func(t *Target) { t.rerunnable = true }
}

// Retry runs a call again after its handler failed, by policy p, unless the
// error is [Permanent]. It implies Idempotent.
func Retry(p RetryPolicy) TargetOption {
	return func(t *Target) {
		t.rerunnable = true
		t.retry = &p
		t.optionErr = join(t.optionErr, p.check())
	}
}

// RetryPolicy says how often and when a failed call runs again. The zero value
// means three attempts, 100 ms before the second, twice that before the third.
type RetryPolicy struct {
	MaxAttempts int           // the first included; default 3
	Initial     time.Duration // the wait before the second attempt; default 100 ms
	Max         time.Duration // the longest wait; default 10 s
	Multiplier  float64       // from one wait to the next; default 2
	Jitter      float64       // the part of a wait that is random, 0 to 1; default 0.2
}

func (p *RetryPolicy) check() error {
	setDefault(&p.MaxAttempts, 3)
	setDefault(&p.Initial, 100*time.Millisecond)
	setDefault(&p.Max, 10*time.Second)
	setDefault(&p.Multiplier, 2)
	setDefault(&p.Jitter, 0.2)
	switch {
	case p.MaxAttempts < 1:
		return fmt.Errorf("RetryPolicy.MaxAttempts is %d: want 1 or more", p.MaxAttempts)
	case p.Initial < 0:
		return fmt.Errorf("RetryPolicy.Initial is %v: want 0 or more", p.Initial)
	case p.Max < 0:
		return fmt.Errorf("RetryPolicy.Max is %v: want 0 or more", p.Max)
	case !(p.Multiplier >= 1):
		return fmt.Errorf("RetryPolicy.Multiplier is %v: want 1 or more", p.Multiplier)
	case !(p.Jitter >= 0 && p.Jitter <= 1):
		return fmt.Errorf("RetryPolicy.Jitter is %v: want 0 to 1", p.Jitter)
	}
	return nil
}

// wait returns how long to wait after the attempt, the first being 1.
func (p *RetryPolicy) wait(attempt int, random float64) time.Duration {
	d := float64(p.Initial)
	for range attempt - 1 {
		if d *= p.Multiplier; d >= float64(p.Max) {
			break
		}
	}
	d = min(d, float64(p.Max))
	if d -= d * p.Jitter * random; d >= math.MaxInt64 { // as a float it is one more than fits
		return p.Max
	}
	return time.Duration(d)
}

// maxAttempts is how often a call may start in all.
func (t *Target) maxAttempts() int {
	switch {
	case t.retry != nil:
		return t.retry.MaxAttempts
	case t.rerunnable:
		return 3
	default:
		return 1
	}
}

// CallOption is an option of one call.
type CallOption func(*callOptions)

// callOptions are what the options of a call amount to.
type callOptions struct {
	node       *Node
	timeout    time.Duration
	inFlight   int
	onProgress func(Progress)
	reminder   string // that the call is
	later      bool   // it comes from a timer or a reminder, whose input is encoded already
	meta       metadata
	tell       bool
	outer      *call // whose middleware makes this one
	again      bool  // it has made one already, which has the number of outer
	err        error
}

// CallTimeout bounds this call, in place of the declaration's Timeout.
func CallTimeout(d time.Duration) CallOption {
	return func(o *callOptions) {
		o.timeout = d
		if d <= 0 {
			o.err = join(o.err, fmt.Errorf("CallTimeout(%v): want more than 0", d))
		}
	}
}

// Via makes the call through n, whatever node the context carries. With nil the
// call fails with ErrBadOption.
func Via(n *Node) CallOption {
	return func(o *callOptions) {
		o.node = n
		if n == nil {
			o.err = join(o.err, errors.New("Via(nil): want a node, or leave it out to use that of the context"))
		}
	}
}

// InFlight bounds how many calls of one Map are under way at once. Default 256.
func InFlight(n int) CallOption {
	return func(o *callOptions) {
		o.inFlight = n
		if n <= 0 {
			o.err = join(o.err, fmt.Errorf("InFlight(%d): want 1 or more", n))
		}
	}
}

// OnProgress calls fn with what the handler reports through Progress, the
// latest first seen last, never two at once, on a goroutine of its own. What
// comes faster than fn returns is skipped, except for the newest.
func OnProgress(fn func(Progress)) CallOption {
	return func(o *callOptions) { o.onProgress = fn }
}

// Meta adds metadata to this call and to all calls below it, as
// [WithMetadata] does.
func Meta(key, value string) CallOption {
	return func(o *callOptions) { o.meta = o.meta.with(key, value) }
}

// metadata are the entries that travel down the tree of calls. It is never
// changed once it is shared.
type metadata map[string]string

func (m metadata) with(key, value string) metadata {
	c := make(metadata, len(m)+1)
	for k, v := range m {
		c[k] = v
	}
	c[key] = value
	return c
}

type metadataKey struct{}

// WithMetadata returns a context whose calls carry the entry, and so do all
// calls that those make, down the whole tree. Handlers read it with
// [Metadata], middleware in Call.Header. A key holds 1 to 128 letters, digits and
// characters of !#$%&'*+-.^_`|~; a value up to 8 KiB of UTF-8 without line
// breaks and without white space at either end. An entry that does not fit
// makes the calls fail with ErrBadInput.
// The keys "traceparent", "tracestate" and "baggage" travel under their own
// names, as W3C tracing wants them.
func WithMetadata(ctx context.Context, key, value string) context.Context {
	m, _ := ctx.Value(metadataKey{}).(metadata)
	return context.WithValue(ctx, metadataKey{}, m.with(key, value))
}

// Metadata returns the value of an entry, or "".
func Metadata(ctx context.Context, key string) string {
	m, _ := ctx.Value(metadataKey{}).(metadata)
	return m[key]
}
