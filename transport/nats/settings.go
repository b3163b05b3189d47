package nats

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

// What Connect sets. docs/adr/0004-nats-client.md says why.
const (
	// A server that is frozen is noticed between maxPings and one more
	// intervals after its last sign of life.
	pingInterval = 4 * time.Second
	maxPings     = 2

	// dialTimeout bounds the dial, and then the handshake.
	dialTimeout = 3 * time.Second

	// writeTimeout bounds how long a server that has stopped reading can hold
	// up whoever publishes.
	writeTimeout = 5 * time.Second

	// The bounds between which reconnects are spread at random.
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 2 * time.Second

	// noBuffer makes the client keep nothing while it is cut off.
	noBuffer = -1
)

// settings are what the options of Connect amount to.
type settings struct {
	client   []nats.Option
	prefixes []string
	logger   *slog.Logger
	errs     []error
}

func newSettings(opts ...Option) *settings {
	s := &settings{logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return s
}

func (s *settings) add(opts ...nats.Option) { s.client = append(s.client, opts...) }

// fail makes Connect fail with the reason why.
func (s *settings) fail(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

// options returns the client's options for a connection of ours.
func (s *settings) options() (*nats.Options, error) {
	o := nats.GetDefaultOptions()
	o.PingInterval = pingInterval
	o.MaxPingsOut = maxPings
	o.Timeout = dialTimeout
	o.FlusherTimeout = writeTimeout
	o.ReconnectOnFlusherError = true
	o.MaxReconnect = -1
	o.CustomReconnectDelayCB = reconnectDelay
	o.ReconnectBufSize = noBuffer
	o.IgnoreAuthErrorAbort = true
	o.SkipSubjectValidation = true // transport.CheckSubject is stricter
	for _, opt := range s.client {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			s.fail("%w", err)
		}
	}
	switch {
	case len(s.errs) > 0:
		return nil, errors.Join(s.errs...)
	case o.NoEcho:
		return nil, errors.New("the option NoEcho would keep a node from reaching itself: leave it out")
	case o.RetryOnFailedConnect:
		return nil, errors.New("the option RetryOnFailedConnect would hide that there is no connection: leave it out, and call Connect again")
	}
	if o.InboxPrefix != "" {
		s.prefixes = append(s.prefixes, o.InboxPrefix+".")
	}
	return &o, nil
}

// reconnectDelay returns how long to wait when every server has been tried in
// vain so many times. It is any time below a bound that doubles, since clients
// that lose a server lose it at the same moment.
func reconnectDelay(attempts int) time.Duration {
	bound := lastReconnect
	if attempts < 6 { // far below an overflow
		bound = min(bound, firstReconnect<<max(attempts-1, 0))
	}
	return rand.N(bound)
}

// listen makes the client report to c, in front of whatever handlers the
// program has given in ClientOptions.
func (c *Conn) listen(o *nats.Options) {
	onError := o.AsyncErrorCB
	o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		c.asyncError(sub, err)
		if onError != nil {
			onError(nc, sub, err)
		}
	}
	onCut, onCutOld := o.DisconnectedErrCB, o.DisconnectedCB
	o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		if err != nil {
			c.log.Warn("nats: the connection is cut", "error", err)
		}
		switch {
		case onCut != nil:
			onCut(nc, err)
		case onCutOld != nil:
			onCutOld(nc)
		}
	}
	onFailure := o.ReconnectErrCB
	o.ReconnectErrCB = func(nc *nats.Conn, err error) {
		c.log.Debug("nats: reconnecting has failed and is tried again", "error", err)
		if onFailure != nil {
			onFailure(nc, err)
		}
	}
	onRestored := o.ReconnectedCB
	o.ReconnectedCB = func(nc *nats.Conn) {
		c.reported = ""
		c.log.Info("nats: the connection is restored", "server", nc.ConnectedServerName())
		if onRestored != nil {
			onRestored(nc)
		}
	}
	onLameDuck := o.LameDuckModeHandler
	o.LameDuckModeHandler = func(nc *nats.Conn) {
		c.log.Info("nats: the server is about to stop and sends its clients elsewhere", "server", nc.ConnectedServerName())
		if onLameDuck != nil {
			onLameDuck(nc)
		}
	}
}
