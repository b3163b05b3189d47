package actor

import (
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
)

// Config says how a node behaves. The zero value works; a field left at zero
// takes its default.
type Config struct {
	// Namespace is the subject hierarchy that the node lives in: 1 to 64
	// letters, digits, '_' and '-'. Nodes of one broker and one account call
	// each other when it is the same. An account of the embedded server, to
	// which ConnectAs leads, is a boundary of its own: usually both have the
	// same name, but nothing makes them. Default "default".
	Namespace string

	// Group is the service that the node belongs to, one such token. It is
	// part of the subject of its replies, so that a broker's permissions can
	// let a service read only its own. Default "any".
	Group string

	// Codec encodes the bodies that this node sends. It decodes msgpack and
	// JSON whatever this says. Default codec.Msgpack.
	Codec codec.Codec

	// Logger receives what a person should know: connections lost and
	// restored, panics of handlers, messages dropped. No input or output of a
	// task is ever logged. Default: discard.
	Logger *slog.Logger

	// Slots is how many calls execute at once on this node. A call that awaits
	// another one holds none. A call that is deeper than all that execute may
	// start beyond that number, one a depth: a handler that waits for a mutex
	// whose owner awaits that call would wait for ever otherwise. To bound a
	// task strictly, serve it with [Limit]. Default 64 × GOMAXPROCS.
	Slots int

	// OnServe wraps every call that this node executes, OnCall every call that
	// it makes; the first is the outermost.
	OnServe, OnCall []Middleware

	// Errors are the errors that errors.Is and errors.As find across the wire,
	// in order of precedence. See [SentinelError] and [TypedError].
	Errors []ErrorType

	// Version is the program's version as discovery shows it, in the form of
	// semantic versioning. Default "0.0.0".
	Version string

	// Mailbox is how many calls wait for a slot before the shallowest is
	// refused with ErrBusy. Default 4096.
	Mailbox int

	// MailboxBytes bounds the inputs of the waiting calls together, in bytes.
	// Default 64 MiB.
	MailboxBytes int

	// InHand is how many calls may wait, run and be parked in an await
	// together. Above it, calls that no task awaits are refused with ErrBusy;
	// deeper ones are still taken, because parked callers wait for them.
	// Default 16384.
	InHand int

	// Activations is how many entities may be in memory at once. When there are
	// more, those that have been idle for longest are taken out; one that has a
	// message stays. Default 100,000.
	Activations int

	// MaxDepth is how deep calls may nest. Default 1000.
	MaxDepth int

	// NoLocal sends every call through the broker, also those that this node
	// could execute itself.
	NoLocal bool

	// Grace is how long a call waits for a first worker before it fails with
	// ErrNoWorker. Default 300 ms, at most 500 ms.
	Grace time.Duration

	// Patience is how long a call without a deadline waits for workers that
	// are busy, or for a connection that is cut. Default 10 s.
	Patience time.Duration

	// PingInterval is how often a worker is asked whether it still has the
	// calls that it accepted. Default 500 ms, or a quarter of LostAfter where
	// that is less.
	PingInterval time.Duration

	// LostAfter is how long a worker may be silent before its calls end with
	// ErrWorkerLost, at least twice PingInterval. A worker whose process died is
	// noticed at the second ping. Default 2 s, or four times PingInterval where
	// that is more.
	LostAfter time.Duration

	// CallerLostAfter is how long a caller may be silent before the calls that
	// it awaits are cancelled with ErrCallerLost, at least twice the longest
	// PingInterval of the nodes that call this one. Default 5 s, or ten times
	// PingInterval where that is more.
	CallerLostAfter time.Duration

	// DrainTimeout bounds the drain at the end of Run. Default 30 s.
	DrainTimeout time.Duration

	// CloseTimeout bounds the short drain that Close does. Default 1 s.
	CloseTimeout time.Duration
}

// maxGrace keeps ErrNoWorker prompt.
const maxGrace = 500 * time.Millisecond

// withDefaults returns a copy with every zero field replaced, or what is wrong
// with it.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Namespace, "default")
	setDefault(&c.Group, "any")
	setDefault(&c.Slots, 64*runtime.GOMAXPROCS(0))
	setDefault(&c.Version, "0.0.0")
	setDefault(&c.Mailbox, 4096)
	setDefault(&c.MailboxBytes, 64<<20)
	setDefault(&c.InHand, 16384)
	setDefault(&c.Activations, 100_000)
	setDefault(&c.MaxDepth, 1000)
	setDefault(&c.Grace, 300*time.Millisecond)
	setDefault(&c.Patience, 10*time.Second)
	if c.LostAfter > 0 {
		setDefault(&c.PingInterval, min(500*time.Millisecond, c.LostAfter/4))
	}
	setDefault(&c.PingInterval, 500*time.Millisecond)
	setDefault(&c.LostAfter, max(2*time.Second, 4*c.PingInterval))
	setDefault(&c.CallerLostAfter, max(5*time.Second, 10*c.PingInterval))
	setDefault(&c.DrainTimeout, 30*time.Second)
	setDefault(&c.CloseTimeout, time.Second)
	if c.Codec == nil {
		c.Codec = codec.Msgpack
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, c.check()
}

// semver is the form of a version (semver.org, 2.0.0), leading zeros included.
const semver = `^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) check() error {
	if err := wire.CheckToken("Config.Namespace", c.Namespace); err != nil {
		return fmt.Errorf("%w: %w", ErrBadName, err)
	}
	if err := wire.CheckToken("Config.Group", c.Group); err != nil {
		return fmt.Errorf("%w: %w", ErrBadName, err)
	}
	if !regexp.MustCompile(semver).MatchString(c.Version) {
		return fmt.Errorf("Config.Version is %q: want semantic versioning, as in 1.2.3 or 1.2.3-rc.1, or tools that list services refuse the node", c.Version)
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"Config.Slots", c.Slots},
		{"Config.Mailbox", c.Mailbox},
		{"Config.MailboxBytes", c.MailboxBytes},
		{"Config.InHand", c.InHand},
		{"Config.Activations", c.Activations},
		{"Config.MaxDepth", c.MaxDepth},
	} {
		if f.value < 0 {
			return fmt.Errorf("%s is %d: want 0 for the default, or more", f.name, f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Config.Grace", c.Grace},
		{"Config.Patience", c.Patience},
		{"Config.PingInterval", c.PingInterval},
		{"Config.LostAfter", c.LostAfter},
		{"Config.CallerLostAfter", c.CallerLostAfter},
		{"Config.DrainTimeout", c.DrainTimeout},
		{"Config.CloseTimeout", c.CloseTimeout},
	} {
		if f.value < 0 {
			return fmt.Errorf("%s is %v: want 0 for the default, or more", f.name, f.value)
		}
	}
	if c.LostAfter < 2*c.PingInterval || c.CallerLostAfter < 2*c.PingInterval {
		return fmt.Errorf("Config.PingInterval is %v: want at most half of Config.LostAfter, %v, and of Config.CallerLostAfter, %v", c.PingInterval, c.LostAfter, c.CallerLostAfter)
	}
	if c.Grace > maxGrace {
		return fmt.Errorf("Config.Grace is %v: want at most %v", c.Grace, maxGrace)
	}
	if c.MaxDepth > maxMaxDepth {
		return fmt.Errorf("Config.MaxDepth is %d: want at most %d", c.MaxDepth, maxMaxDepth)
	}
	for _, f := range []struct {
		name string
		list []Middleware
	}{{"Config.OnServe", c.OnServe}, {"Config.OnCall", c.OnCall}} {
		if i := slices.IndexFunc(f.list, func(m Middleware) bool { return m == nil }); i >= 0 {
			return fmt.Errorf("%s[%d] is nil: leave it out", f.name, i)
		}
	}
	return nil
}
