package amqp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/rabbittest"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
)

// dial connects and closes with the test.
func dial(tb testing.TB, url string, opts ...atamqp.Option) *atamqp.Conn {
	tb.Helper()
	c, err := atamqp.Connect(soon(tb), url, opts...)
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// roundTrip checks that c carries messages.
func roundTrip(tb testing.TB, c transport.Conn) {
	tb.Helper()
	got := make(chan string, 1)
	s, err := c.Subscribe("round.trip", "", func(m *transport.Message) { got <- string(m.Data) })
	if err != nil {
		tb.Fatalf("Subscribe() = %v, want nil", err)
	}
	defer s.Close()
	if err := c.Flush(soon(tb)); err != nil {
		tb.Fatalf("Flush() = %v, want nil", err)
	}
	if err := c.Publish(soon(tb), &transport.Message{Subject: "round.trip", Data: []byte("x")}); err != nil {
		tb.Fatalf("Publish() = %v, want nil", err)
	}
	await(tb, got, "a message")
}

// needNode returns a broker of our own, which knows users and vhosts.
func needNode(tb testing.TB) *rabbittest.Node {
	tb.Helper()
	if n := broker.Node(tb); n != nil {
		return n
	}
	return rabbittest.Start(tb)
}

// refusing is an address where nobody listens.
func refusing(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Errors say what was attempted and what to do, and hold no credentials.
func TestConnectErrors(t *testing.T) {
	t.Parallel()
	n := needNode(t)
	nobody := refusing(t)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, tt := range []struct {
		name, url string
		ctx       context.Context
		opts      []atamqp.Option
		want      string
	}{
		{"nobody listens", "amqp://u:hunter2@" + nobody, nil, nil, "amqp://" + nobody + ": connection refused: no broker listens there"},
		{"nobody listens at two", "amqp://u:hunter2@" + nobody + ",amqp://" + nobody, nil, nil, "; amqp://" + nobody + ": connection refused"},
		{"wrong password", "amqp://guest:hunter2@" + n.Addr(), nil, nil, "refused the credentials: check user and password"},
		{"no such vhost", n.URL() + "/hunter2", nil, nil, "check the vhost"},
		{"a vhost of others", "amqp://" + url.UserPassword(rabbittest.GuardedUser, rabbittest.GuardedSecret).String() + "@" + n.Addr() + "/" + url.PathEscape(rabbittest.OtherVhost), nil, nil, "check the vhost"},
		{"TLS to a broker without", "amqps://u:hunter2@" + n.Addr(), nil, nil, "TLS has failed"},
		{"ended context", "amqp://u:hunter2@" + n.Addr(), ended, nil, "enough: no answer until the context ended"},
		{"bad options", n.URL(), nil, []atamqp.Option{atamqp.Prefetch(0), atamqp.MaxPayload(1), atamqp.Exchange("a b"), atamqp.RootCAs("missing.pem"), atamqp.ClientCert("a", "b")}, "Prefetch: 0 messages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := tt.ctx
			if ctx == nil {
				ctx = soon(t)
			}
			c, err := atamqp.Connect(ctx, tt.url, tt.opts...)
			if err == nil {
				c.Close()
				t.Fatal("Connect() = nil, want an error")
			}
			if !strings.HasPrefix(err.Error(), "amqp: connect: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Connect() = %v, want an error with %q", err, tt.want)
			}
			for _, secret := range []string{rabbittest.GuardedSecret, rabbittest.GuardedUser, "guest:"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("Connect() = %v, want no credentials in it", err)
				}
			}
			if tt.name != "no such vhost" && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Connect() = %v, want no password in it", err)
			}
		})
	}
}

func TestConnectTakesTheNextURL(t *testing.T) {
	t.Parallel()
	c := dial(t, "amqp://"+refusing(t)+","+broker.URL(t))
	roundTrip(t, c)
}

// Vhosts are separate, and so are exchanges.
func TestSeparation(t *testing.T) {
	t.Parallel()
	n := needNode(t)
	here := dial(t, n.URL())
	got := make(chan string, 16)
	if _, err := here.Subscribe("separate.>", "", func(m *transport.Message) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := here.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]transport.Conn{
		"vhost in the URL": dial(t, n.URL()+"/"+url.PathEscape(rabbittest.OtherVhost)),
		"vhost option":     dial(t, n.URL(), atamqp.Vhost(rabbittest.OtherVhost)),
		"exchange":         dial(t, n.URL(), atamqp.Exchange("other")),
		"same":             dial(t, "amqp://"+n.Addr(), atamqp.UserPassword(rabbittest.User, rabbittest.Password), atamqp.Name("a name")),
	} {
		roundTrip(t, c)
		if err := c.Publish(soon(t), &transport.Message{Subject: "separate.x", Data: []byte(name)}); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if s := await(t, got, "the message that is for us"); s != "same" {
		t.Errorf("received what was sent by way of another %s", s)
	}
}

// certificate makes a certificate for 127.0.0.1 that is its own authority.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	pair, pool := certificate(t)
	u, err := url.Parse(broker.URL(t))
	if err != nil {
		t.Fatal("the broker's URL cannot be read")
	}
	p := startProxyWith(t, u.Host, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	})
	at := func(scheme string) string {
		return (&url.URL{Scheme: scheme, User: u.User, Host: p.addr()}).String() + u.EscapedPath()
	}
	config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	roundTrip(t, dial(t, at("amqps"), atamqp.TLS(config)))
	roundTrip(t, dial(t, at("amqp"), atamqp.TLS(config)))
	if c, err := atamqp.Connect(soon(t), at("amqps")); err == nil || !strings.Contains(err.Error(), "check the root certificates") {
		t.Errorf("Connect() to an unknown authority = %v, %v, want an error that says what to check", c, err)
	}
}
