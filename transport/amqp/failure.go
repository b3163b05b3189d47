package amqp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"
)

// connectError is why Connect has failed, in words that do not repeat
// themselves; errors.Is and errors.As see the cause.
type connectError struct {
	text  string
	cause error
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.cause }

// tlsError is a handshake that has failed.
type tlsError struct{ cause error }

func (e *tlsError) Error() string { return e.cause.Error() }
func (e *tlsError) Unwrap() error { return e.cause }

// explain says what has happened and what to do.
func explain(ctx context.Context, err error) string {
	text := plain(err)
	var dns *net.DNSError
	var secure *tlsError
	var refused *amqp.Error
	var timeout net.Error
	isRefused := errors.As(err, &refused)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return text + ": no answer until the context ended: check the address, or allow more time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: no broker listens there: start one, or check the address"
	case errors.As(err, &dns):
		return "no such host: check the host name; " + wanted
	case errors.As(err, &secure):
		return "TLS has failed: " + text + ": check the root certificates (RootCAs), the name in the broker's certificate, whether the broker asks for a client certificate (ClientCert), and that this is its port for TLS"
	case isRefused && errors.Is(err, amqp.ErrVhost), isRefused && refused.Code == amqp.NotAllowed:
		return text + ": the broker has no such vhost for this user: check the vhost in the URL or option, and the user's permissions"
	case isRefused && errors.Is(err, amqp.ErrCredentials), isRefused && errors.Is(err, amqp.ErrSASL):
		return "the broker refused the credentials: check user and password; guest may log in from the broker's own machine only"
	case isRefused && refused.Code == amqp.AccessRefused:
		return text + ": the user needs the permissions configure, write and read for what begins with the name of the exchange"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time: check the address and firewalls, and that it is RabbitMQ that listens there"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, amqp.ErrClosed):
		return text + ": the broker has hung up: the credentials may be wrong, it may want TLS, or it is no AMQP 0-9-1 broker"
	default:
		return text
	}
}
