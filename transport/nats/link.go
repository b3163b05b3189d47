package nats

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/internal/netbatch"
)

// link makes the client's network connections, so that making one can be
// stopped: the client itself waits for a dial however long it takes, and holds
// its lock meanwhile.
type link struct {
	dialer  net.Dialer
	custom  nats.CustomDialer          // used instead, if the program has one
	process nats.InProcessConnProvider // used instead, if the server is here
	timeout time.Duration              // of writes
	life    context.Context            // ends when no more connections are to be made
	die     context.CancelFunc

	mu     sync.Mutex // guards the fields below
	newest *netbatch.Conn
	failed error // of the newest attempt
}

func newLink() *link {
	l := new(link)
	l.life, l.die = context.WithCancel(context.Background())
	return l
}

// install makes the client use l, on top of what o asks for.
func (l *link) install(o *nats.Options) {
	l.dialer.Timeout = o.Timeout
	l.timeout, o.FlusherTimeout = o.FlusherTimeout, 0 // it does not know how long a write takes: see netbatch
	if o.Dialer != nil {
		l.dialer = *o.Dialer
	}
	if o.AllowMultipathTCP != nil {
		l.dialer.SetMultipathTCP(*o.AllowMultipathTCP)
	}
	l.custom, o.CustomDialer = o.CustomDialer, l
	if o.InProcessServer != nil {
		l.process, o.InProcessServer = o.InProcessServer, l
	}
}

// Dial implements nats.CustomDialer.
func (l *link) Dial(network, address string) (net.Conn, error) {
	if l.custom != nil {
		c, err := l.custom.Dial(network, address)
		return l.track(c, true, err)
	}
	c, err := l.dialer.DialContext(l.life, network, address)
	return l.track(c, true, err)
}

// SkipTLSHandshake implements an optional ability of the client's dialers.
func (l *link) SkipTLSHandshake() bool {
	s, ok := l.custom.(interface{ SkipTLSHandshake() bool })
	return ok && s.SkipTLSHandshake()
}

// InProcessConn implements nats.InProcessConnProvider.
func (l *link) InProcessConn() (net.Conn, error) {
	c, err := l.process.InProcessConn()
	return l.track(c, false, err)
}

// track keeps an eye on a new connection, if that is one.
func (l *link) track(c net.Conn, buffers bool, err error) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	if err != nil {
		return nil, err
	}
	if l.life.Err() != nil {
		_ = c.Close() // nothing was sent on it
		return nil, context.Cause(l.life)
	}
	if l.newest != nil {
		// The client leaves a connection behind whose greeting has failed.
		l.newest.Abort()
	}
	l.newest = netbatch.New(c, buffers, l.timeout)
	return l.newest, nil
}

// failure returns what the newest attempt came to: the client keeps some of
// that to itself.
func (l *link) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// stop lets no more connections be made. With abort it also breaks the newest,
// which is how to end a handshake that the client waits for.
func (l *link) stop(abort bool) {
	l.die()
	l.mu.Lock()
	newest := l.newest
	l.mu.Unlock()
	if abort && newest != nil {
		newest.Abort()
	}
}
