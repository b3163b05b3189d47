package nats

import (
	"crypto/tls"
	"log/slog"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// Option is an option of Connect. Of two that set the same, the later one
// counts.
type Option func(*settings)

// Name gives the connection a name that the server's monitoring shows. The
// default is none.
func Name(name string) Option {
	return func(s *settings) { s.add(nats.Name(name)) }
}

// InProcess connects to a server in this process instead of a URL, which may
// be empty then. No port, certificate or host is involved; credentials are
// asked for all the same. Such a connection cannot move to another server.
func InProcess(server nats.InProcessConnProvider) Option {
	return func(s *settings) {
		if server == nil {
			s.fail("InProcess: no server given")
			return
		}
		s.add(nats.InProcessServer(server))
	}
}

// TLS makes the connection use TLS with this configuration, of which it takes
// a copy; nil means the defaults of Go. Addresses that begin with tls:// or
// wss:// use TLS without it.
func TLS(config *tls.Config) Option {
	return func(s *settings) {
		if config == nil {
			s.add(nats.Secure())
			return
		}
		s.add(nats.Secure(config.Clone()))
	}
}

// RootCAs makes the connection use TLS and trust the certificates in these PEM
// files, and no others. The files are read again at each reconnect.
func RootCAs(files ...string) Option {
	return func(s *settings) { s.add(nats.RootCAs(files...)) }
}

// ClientCert makes the connection use TLS and show the certificate and key in
// these PEM files. The files are read again at each reconnect.
func ClientCert(certFile, keyFile string) Option {
	return func(s *settings) { s.add(nats.ClientCert(certFile, keyFile)) }
}

// InboxPrefix adds to Features.ReplyPrefixes: callers whose inboxes begin with
// prefix and a dot are answered as those are that use "_INBOX.". It is for
// callers that were given an inbox prefix of their own, and changes nothing of
// this connection.
func InboxPrefix(prefix string) Option {
	return func(s *settings) {
		prefix := strings.TrimSuffix(prefix, ".")
		if err := transport.CheckSubject(prefix, false); err != nil {
			s.fail("InboxPrefix: %w", err)
			return
		}
		s.prefixes = append(s.prefixes, prefix+".")
	}
}

// Logger gets what no event and no error tells: why the link was cut, what
// keeps it from coming back, that a server is about to stop. The default
// discards it.
func Logger(l *slog.Logger) Option {
	return func(s *settings) {
		if l != nil {
			s.logger = l
		}
	}
}

// ClientOptions hands options to the client as they are, over what Connect
// sets. Handlers among them are called after this package has done its part.
// NoEcho and RetryOnFailedConnect are refused. What else they change is the
// caller's to know: with NoReconnect, say, a cut is the end.
func ClientOptions(opts ...nats.Option) Option {
	return func(s *settings) { s.add(opts...) }
}
