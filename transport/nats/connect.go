package nats

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// Connect connects to a NATS server, or to one of several whose URLs are
// separated by commas, and learns of the other servers of its cluster. A URL
// may hold user:password@ or token@. The schemes are nats, tls, ws and wss;
// without one it is nats.
//
// ctx bounds the connecting only: the connection lasts until Close or Drain,
// and is restored whenever it is cut. When Connect fails nothing is left
// behind, except that a look-up of a host name may end later.
func Connect(ctx context.Context, url string, opts ...Option) (*Conn, error) {
	set := newSettings(opts...)
	o, err := set.options()
	if err != nil {
		return nil, &connectError{text: "nats: connect: " + strings.TrimPrefix(err.Error(), "nats: "), cause: err}
	}
	at, err := target(o, url)
	if err != nil {
		return nil, fmt.Errorf("nats: connect: %w", err)
	}
	c := newConn(set)
	c.link = newLink()
	c.link.install(o)
	c.listen(o)
	nc, err := c.connect(ctx, o)
	if err == nil && !nc.HeadersSupported() {
		nc.Close()
		err = errNoHeaders
	}
	if err != nil {
		c.link.stop(true)
		c.die()
		return nil, &connectError{text: "nats: connect to " + at + ": " + explain(ctx, at, err, c.link.failure(), o), cause: err}
	}
	c.open(nc)
	return c, nil
}

// target sets the servers of o and returns how to call them.
func target(o *nats.Options, url string) (string, error) {
	if o.InProcessServer != nil && url == "" {
		return "the server in this process", nil
	}
	a, err := parseAddresses(url)
	if err != nil {
		return "", err
	}
	o.Servers = append(a.urls, o.Servers...)
	return a.shown, nil
}

// connect is the client's Connect, which knows no context.
func (c *Conn) connect(ctx context.Context, o *nats.Options) (*nats.Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	type result struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan result)
	go func() {
		nc, err := o.Connect()
		select {
		case done <- result{nc, err}:
		case <-ctx.Done():
			nc.Close() // may be nil, which does nothing
		}
	}()
	select {
	case r := <-done:
		return r.nc, r.err
	case <-ctx.Done():
		c.link.stop(true)
		return nil, context.Cause(ctx)
	}
}
