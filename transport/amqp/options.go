package amqp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"

	"github.com/atasks-io/atasks/transport"
)

// Option is an option of Connect. Of two that set the same, the later one
// counts.
type Option func(*settings)

// settings are what the options of Connect amount to.
type settings struct {
	name           string
	exchange       string
	vhost          string
	user, password string
	external       bool
	prefetch       int
	payload        int
	tls            *tls.Config // nil for the defaults of Go
	secure         bool
	logger         *slog.Logger
	errs           []error
}

// What Connect sets where no option says otherwise.
const (
	defaultExchange = "atasks"
	defaultPrefetch = 1024
	defaultPayload  = 8 << 20
)

func newSettings(opts ...Option) *settings {
	s := &settings{
		exchange: defaultExchange, prefetch: defaultPrefetch, payload: defaultPayload,
		logger: slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return s
}

// fail makes Connect fail with the reason why.
func (s *settings) fail(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

func (s *settings) config() *tls.Config {
	s.secure = true
	if s.tls == nil {
		s.tls = new(tls.Config)
	}
	return s.tls
}

// Name gives the connection a name that RabbitMQ's management shows. The
// default is none.
func Name(name string) Option { return func(s *settings) { s.name = name } }

// UserPassword authenticates with a user and a password, where the URL names
// none. The default is guest and guest, as in all clients of RabbitMQ, which
// takes these from its own machine only.
func UserPassword(user, password string) Option {
	return func(s *settings) { s.user, s.password = user, password }
}

// External authenticates with the client certificate: see ClientCert. The
// broker needs the plugin rabbitmq_auth_mechanism_ssl.
func External() Option { return func(s *settings) { s.external = true } }

// Vhost chooses the virtual host, where the URL names none. The default is "/".
func Vhost(name string) Option { return func(s *settings) { s.vhost = name } }

// Exchange chooses the exchange that messages go through, by default "atasks".
// Everything else that is made at the broker has a name that begins with it and
// a dot. Those who are to reach each other choose the same.
func Exchange(name string) Option {
	return func(s *settings) {
		if err := transport.CheckSubject(name, false); err != nil || len(name) > 64 {
			s.fail("Exchange: %q is no name: want at most 64 bytes, without space and wildcard", name)
			return
		}
		s.exchange = name
	}
}

// Prefetch sets how many messages the broker hands to a member of a group
// before the first of them is handled, 1 to 65,535; by default 1,024. The rest
// waits at the broker.
func Prefetch(messages int) Option {
	return func(s *settings) {
		if messages < 1 || messages > 65535 {
			s.fail("Prefetch: %d messages: want 1 to 65535", messages)
			return
		}
		s.prefetch = messages
	}
}

// MaxPayload sets how many bytes the data and header of a message may have
// together, by default 8 MiB. It must not be more than the broker's
// max_message_size, which is 128 MiB in RabbitMQ 3 and 16 MiB in 4.
func MaxPayload(bytes int) Option {
	return func(s *settings) {
		if bytes < 1024 || bytes > 512<<20 {
			s.fail("MaxPayload: %d bytes: want 1 KiB to 512 MiB", bytes)
			return
		}
		s.payload = bytes
	}
}

// TLS makes the connection use TLS with this configuration, of which it takes a
// copy; nil means the defaults of Go. Addresses that begin with amqps:// use TLS
// without it.
func TLS(config *tls.Config) Option {
	return func(s *settings) {
		s.tls, s.secure = nil, true
		if config != nil {
			s.tls = config.Clone()
		}
	}
}

// RootCAs makes the connection use TLS and trust the certificates in these PEM
// files, and no others.
func RootCAs(files ...string) Option {
	return func(s *settings) {
		pool := x509.NewCertPool()
		for _, f := range files {
			pem, err := os.ReadFile(f)
			if err != nil {
				s.fail("RootCAs: %w", err)
				return
			}
			if !pool.AppendCertsFromPEM(pem) {
				s.fail("RootCAs: no certificate in %q", f)
				return
			}
		}
		s.config().RootCAs = pool
	}
}

// ClientCert makes the connection use TLS and show the certificate and key in
// these PEM files.
func ClientCert(certFile, keyFile string) Option {
	return func(s *settings) {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			s.fail("ClientCert: %w", err)
			return
		}
		s.config().Certificates = []tls.Certificate{cert}
	}
}

// Logger gets what no event and no error tells: why the link was cut, what
// keeps it from coming back, that the broker takes no messages. The default
// discards it.
func Logger(l *slog.Logger) Option {
	return func(s *settings) {
		if l != nil {
			s.logger = l
		}
	}
}
