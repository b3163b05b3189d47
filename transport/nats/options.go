package nats

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Option is an option of Connect.
type Option func(*settings)

// settings are what options amount to.
type settings struct {
	client    []nats.Option
	prefixes  []string
	logger    *slog.Logger
	inProcess bool
	err       error
}

func (s *settings) add(o nats.Option) { s.client = append(s.client, o) }

// Name is what the server shows for the connection. Default "atasks".
func Name(name string) Option { return func(s *settings) { s.add(nats.Name(name)) } }

// TLS makes the connection use TLS with this configuration, which is not
// changed. URLs that begin with tls:// use TLS without it.
func TLS(config *tls.Config) Option { return func(s *settings) { s.add(nats.Secure(config)) } }

// RootCAs makes the connection use TLS and trust the certificates in these PEM
// files instead of the system's.
func RootCAs(files ...string) Option { return func(s *settings) { s.add(nats.RootCAs(files...)) } }

// ClientCert makes the connection use TLS and show the certificate in these PEM
// files.
func ClientCert(certFile, keyFile string) Option {
	return func(s *settings) { s.add(nats.ClientCert(certFile, keyFile)) }
}

// CredentialsFile authenticates with a .creds file: a JWT and an NKEY seed. The
// file is read again at each reconnect.
func CredentialsFile(path string) Option {
	return func(s *settings) { s.add(nats.UserCredentials(path)) }
}

// CredentialsBytes authenticates with the contents of a .creds file.
func CredentialsBytes(creds []byte) Option {
	return func(s *settings) { s.add(nats.UserCredentialBytes(creds)) }
}

// NKeySeed authenticates with the user NKEY of a seed, which begins with "SU".
func NKeySeed(seed []byte) Option {
	return func(s *settings) {
		pair, err := nkeys.FromSeed(seed)
		if err != nil {
			s.err = fmt.Errorf("the NKEY seed cannot be read: %w", err)
			return
		}
		public, err := pair.PublicKey()
		if err != nil {
			s.err = fmt.Errorf("the NKEY seed cannot be read: %w", err)
			return
		}
		s.add(nats.Nkey(public, pair.Sign))
	}
}

// Token authenticates with a token.
func Token(token string) Option { return func(s *settings) { s.add(nats.Token(token)) } }

// UserPassword authenticates with a user and a password.
func UserPassword(user, password string) Option {
	return func(s *settings) { s.add(nats.UserInfo(user, password)) }
}

// InProcess connects to a server in this process, through a pipe; the URL given
// to Connect is ignored. Such a connection cannot move to another server.
func InProcess(provider nats.InProcessConnProvider) Option {
	return func(s *settings) {
		s.inProcess = true
		s.add(nats.InProcessServer(provider))
	}
}

// InboxPrefix names one more beginning of inbox subjects at which foreign
// callers may be answered, beside "_INBOX." and "_R_.", for clients that were
// given one of their own. It ends with a dot.
func InboxPrefix(prefix string) Option {
	return func(s *settings) { s.prefixes = append(s.prefixes, prefix) }
}

// Logger receives what the client reports and no event says. Default: discard.
func Logger(l *slog.Logger) Option { return func(s *settings) { s.logger = l } }

// ClientOptions passes options to the client as they are, after all others of
// this package. It is for rare needs; handlers among them replace those that
// report events here, and then the node learns less.
func ClientOptions(opts ...nats.Option) Option {
	return func(s *settings) { s.client = append(s.client, opts...) }
}
