package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/internal/netbatch"
)

// What Connect sets. docs/adr/0012-amqp-client.md says why.
const (
	// A broker that is frozen is noticed after three of these.
	heartbeat = 3 * time.Second

	// dialTimeout bounds the dial, greetTimeout what follows until the
	// connection can be used: RabbitMQ waits a while before it says no.
	dialTimeout  = 3 * time.Second
	greetTimeout = 10 * time.Second

	// writeTimeout bounds how long a broker that has stopped reading can hold up
	// whoever publishes.
	writeTimeout = 5 * time.Second

	// frameSize is what RabbitMQ proposes itself.
	frameSize = 128 << 10

	// The bounds between which reconnects are spread at random.
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 2 * time.Second
)

// Connect connects to RabbitMQ, or to the first of several brokers of a cluster
// that answers, whose URLs are separated by commas. A URL is
// amqp://user:password@host:port/vhost, or begins with amqps for TLS; user,
// password, port and vhost may be left out.
//
// ctx bounds the connecting only: the connection lasts until Close or Drain,
// and is restored whenever it is cut. When Connect fails nothing is left
// behind.
func Connect(ctx context.Context, url string, opts ...Option) (*Conn, error) {
	set := newSettings(opts...)
	if len(set.errs) > 0 {
		return nil, fmt.Errorf("amqp: connect: %w", errors.Join(set.errs...))
	}
	all, err := parseAddresses(url)
	if err != nil {
		return nil, fmt.Errorf("amqp: connect: %w", err)
	}
	d := &dialer{set: set, addresses: all}
	l, err := d.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("amqp: connect: %w", err)
	}
	c := newConn(set, d)
	s, err := c.begin(ctx, l)
	if err != nil {
		c.die()
		return nil, &connectError{text: "amqp: connect: " + explain(ctx, err), cause: err}
	}
	go c.run(s)
	return c, nil
}

// dialer makes links to one of several brokers. It is used by one goroutine at
// a time.
type dialer struct {
	set       *settings
	addresses []address
	next      int // which to try first
}

// dial tries each broker once, beginning with the one after that which was
// reached last.
func (d *dialer) dial(ctx context.Context) (*link, error) {
	var failed []string
	var cause error
	for range d.addresses {
		a := d.addresses[d.next%len(d.addresses)]
		d.next++
		l, err := d.dialOne(ctx, a)
		if err == nil {
			return l, nil
		}
		cause = err
		failed = append(failed, a.shown()+": "+explain(ctx, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &connectError{text: strings.Join(failed, "; "), cause: cause}
}

// link is a network connection to a broker that has let us in.
type link struct {
	client *amqp.Connection
	raw    *netbatch.Conn
}

// abort breaks the link.
func (l *link) abort() {
	l.raw.Abort()
	_ = l.client.Close() // it is broken, so this does not wait for the broker
}

func (d *dialer) dialOne(ctx context.Context, a address) (*link, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	tcp, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", net.JoinHostPort(a.host, a.port))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	raw := netbatch.New(tcp, true, writeTimeout)
	stop := context.AfterFunc(ctx, raw.Abort)
	client, err := d.greet(ctx, a, raw)
	if !stop() && err == nil {
		_ = client.Close() // the link is aborted already
		err = context.Cause(ctx)
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		raw.Abort()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return &link{client: client, raw: raw}, nil
}

// greet introduces us on a new network connection.
func (d *dialer) greet(ctx context.Context, a address, raw *netbatch.Conn) (*amqp.Connection, error) {
	if err := raw.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return nil, err
	}
	var conn net.Conn = raw
	if a.secure || d.set.secure {
		config := new(tls.Config)
		if d.set.tls != nil {
			config = d.set.tls.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = a.host
		}
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, &tlsError{err}
		}
		conn = secure
	}
	config := amqp.Config{
		Vhost: first(a.vhost, d.set.vhost, "/"), Heartbeat: heartbeat, FrameSize: frameSize, Locale: "en_US",
		Properties: amqp.Table{"product": "atasks", "platform": "go"},
	}
	if d.set.name != "" {
		config.Properties.SetClientConnectionName(d.set.name)
	}
	switch {
	case d.set.external:
		config.SASL = []amqp.Authentication{&amqp.ExternalAuth{}}
	case a.user != "":
		config.SASL = []amqp.Authentication{&amqp.PlainAuth{Username: a.user, Password: a.password}}
	default:
		user, password := d.set.user, d.set.password
		if user == "" {
			user, password = "guest", "guest"
		}
		config.SASL = []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: password}}
	}
	return amqp.Open(conn, config)
}

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// reconnectDelay returns how long to wait when all brokers have been tried in
// vain so many times. It is any time below a bound that doubles, since clients
// that lose a broker lose it at the same moment.
func reconnectDelay(attempts int) time.Duration {
	bound := lastReconnect
	if attempts < 6 { // far below an overflow
		bound = min(bound, firstReconnect<<max(attempts-1, 0))
	}
	return rand.N(bound)
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
