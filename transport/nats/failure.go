package nats

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"
)

// connectError is why Connect has failed, in words that do not repeat
// themselves; errors.Is and errors.As see the cause.
type connectError struct {
	text  string
	cause error
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.cause }

// explain says what has happened and what to do. err is what the client says;
// dialed is how the newest attempt to reach a server ended, of which the client
// says nothing when it was refused.
//
// at is how the servers are called: a host that is not named there may be a
// piece of a password.
func explain(ctx context.Context, at string, err, dialed error, o *nats.Options) string {
	plain := strings.TrimPrefix(err.Error(), "nats: ")
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return plain + ": no answer until the context ended: check the address, or allow more time"
	case isAuth(err):
		return plain + ": the server refused the credentials: check user and password, token, NKEY or credentials file"
	case isTLS(err):
		return plain + ": TLS has failed: check the root certificates (RootCAs), the name in the server's certificate, and whether the server asks for a client certificate (ClientCert)"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return plain + ": the server offers no TLS: connect with nats:// and without TLS options, or set the server up for it"
	case errors.Is(err, nats.ErrNoServers) && (dialed == nil || errors.Is(dialed, syscall.ECONNREFUSED)):
		return "connection refused: no server listens there: start one, or check the address"
	case errors.As(dialed, &dns) && strings.Contains(at, dns.Name):
		return dns.Error() + ": check the host name"
	case errors.As(dialed, &dns):
		return "no such host: check the host names; " + wanted
	case isTimeout(err), isTimeout(dialed):
		return plain + ": no answer in time: check the address and firewalls, and that it is a NATS server that listens there"
	case isHangUp(err) && o.InProcessServer != nil:
		// The server's last words are lost with the pipe.
		return plain + ": the server has hung up: the credentials may be wrong, or it is shutting down"
	case isHangUp(err):
		return plain + ": the server has hung up: the credentials may be wrong, it may want TLS first, or it is no NATS server"
	default:
		return plain
	}
}

func isAuth(err error) bool {
	for _, target := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrNkeysNotSupported} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func isTLS(err error) bool {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var op *net.OpError
	return errors.Is(err, nats.ErrTLS) || errors.Is(err, nats.ErrSecureConnRequired) ||
		errors.As(err, &name) || errors.As(err, &authority) || errors.As(err, &invalid) ||
		errors.As(err, &op) && op.Op == "remote error" // an alert of TLS
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, nats.ErrTimeout) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

func isHangUp(err error) bool {
	for _, target := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
