package nats

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// What Connect sets, unless an option says otherwise. docs/adr/0004 has the
// reasons.
const (
	pingInterval    = 5 * time.Second
	maxPingsOut     = 2       // a frozen server is noticed after 10 to 15 seconds
	reconnectBuffer = 1 << 20 // bytes kept while the connection is cut
	firstReconnect  = 50 * time.Millisecond
	lastReconnect   = 2 * time.Second
	dialTimeout     = 5 * time.Second
)

// Connect connects to a NATS server, or to one of several whose URLs are
// separated by commas. A URL may hold a user and a password or a token; none of
// them ever appears in an error or a log. ctx bounds the connecting only: the
// connection then lasts until Close, and comes back by itself whenever it is
// cut.
func Connect(ctx context.Context, url string, opts ...Option) (*Conn, error) {
	set := settings{client: []nats.Option{
		nats.Name("atasks"),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPingsOut),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.ReconnectBufSize(reconnectBuffer),
		nats.IgnoreAuthErrorAbort(), // credentials that are being rotated come right again
		nats.Timeout(dialTimeout),
	}}
	for _, o := range opts {
		o(&set)
	}
	at := redact(url)
	if set.inProcess {
		at = "the server in this process"
	}
	if set.err != nil {
		return nil, fmt.Errorf("nats: connect to %s: %w", at, set.err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("nats: connect to %s: %w", at, context.Cause(ctx))
	}
	if deadline, ok := ctx.Deadline(); ok {
		set.client = append(set.client, nats.Timeout(min(dialTimeout, time.Until(deadline))))
	}
	c := newConn(true, set)
	set.client = append(set.client,
		// The client calls these on one goroutine, in order.
		nats.ErrorHandler(c.asyncError),
		nats.NoCallbacksAfterClientClose(),
		nats.SkipSubjectValidation(), // done here already
	)
	type dialed struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan dialed, 1)
	go func() { // ends with the dial, which has a timeout of its own
		nc, err := nats.Connect(url, set.client...)
		done <- dialed{nc, err}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return nil, connectError(at, d.err, set.inProcess)
		}
		c.open(d.nc)
		return c, nil
	case <-ctx.Done():
		go func() {
			if d := <-done; d.nc != nil {
				d.nc.Close()
			}
		}()
		return nil, fmt.Errorf("nats: connect to %s: %w", at, context.Cause(ctx))
	}
}

// reconnectDelay is how long to wait after all servers were tried in vain: any
// time up to a bound that doubles, so that a thousand clients of a server that
// comes back do not come together.
func reconnectDelay(attempts int) time.Duration {
	bound := min(firstReconnect<<min(attempts, 10), lastReconnect)
	return rand.N(bound)
}

// connectError says what failed, where, and what to do. It never holds what
// the client wrote about a URL.
func connectError(at string, err error, inProcess bool) error {
	var what string
	var dns *net.DNSError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		strings.Contains(strings.ToLower(err.Error()), "authorization"):
		what = "the server refused the credentials: check user, password, token or credentials file"
	case inProcess && strings.Contains(err.Error(), "closed pipe"):
		// What the server said is lost with the pipe.
		what = "the server closed the connection: most likely it refused the credentials, or is shutting down"
	case errors.Is(err, nats.ErrNoServers):
		what = "no server answers there: start one, or check the address"
	case errors.As(err, &dns):
		what = "no such host: check the address"
	case errors.Is(err, nats.ErrTimeout):
		what = "no answer in time: check the address, and whether a NATS server listens there"
	case isTLS(err):
		what = "TLS failed: check the root certificates and the name in the server's certificate"
	case isParse(err):
		return fmt.Errorf("nats: connect to %s: not a NATS URL: want nats://host:port, several separated by commas", at)
	default:
		what = "failed"
	}
	return fmt.Errorf("nats: connect to %s: %s: %w", at, what, err)
}

// isTLS says whether a handshake failed.
func isTLS(err error) bool {
	s := err.Error()
	return strings.Contains(s, "tls:") || strings.Contains(s, "x509:") || errors.Is(err, nats.ErrSecureConnRequired) ||
		errors.Is(err, nats.ErrSecureConnWanted)
}

// isParse says whether the client could not read the URL, in which case its
// error repeats it.
func isParse(err error) bool {
	s := err.Error()
	return strings.Contains(s, "parse ") || strings.Contains(s, "invalid port") || strings.Contains(s, "unsupported protocol")
}

// redact returns URLs without their credentials.
func redact(urls string) string {
	list := strings.Split(urls, ",")
	for i, u := range list {
		u = strings.TrimSpace(u)
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok {
			scheme, rest = "", u
		}
		// The last @: a password that was not escaped may hold one.
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = "***@" + rest[at+1:]
		}
		if ok {
			rest = scheme + "://" + rest
		}
		list[i] = fmt.Sprintf("%q", rest)
	}
	return strings.Join(list, ", ")
}
