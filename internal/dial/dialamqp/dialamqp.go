// Package dialamqp adds RabbitMQ to what package dial connects to.
package dialamqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/atasks-io/atasks/internal/dial"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/amqp"
)

// Connectors are those for amqp:// and amqps:// URLs, for dial.Settings.Connect.
func Connectors() map[string]dial.Connector {
	return map[string]dial.Connector{"amqp": connect, "amqps": connect}
}

func connect(ctx context.Context, s dial.Settings, name string, log *slog.Logger) (transport.Conn, error) {
	// Without these we would connect as somebody else, or less well protected.
	for _, k := range []dial.Key{dial.Context, dial.Creds, dial.Token, dial.NKey, dial.TLSFirst} {
		if s.Get(k) != "" {
			return nil, fmt.Errorf("connect: --%s is for NATS: RabbitMQ knows --user and --password, or a URL with both", k)
		}
	}
	opts := []amqp.Option{amqp.Name(name)}
	if log != nil {
		opts = append(opts, amqp.Logger(log))
	}
	if user := s.Get(dial.User); user != "" {
		opts = append(opts, amqp.UserPassword(user, s.Get(dial.Password)))
	} else if s.Get(dial.Password) != "" {
		return nil, errors.New("connect: a password without a user: give --user, too")
	}
	if v := s.Get(dial.CA); v != "" {
		opts = append(opts, amqp.RootCAs(v))
	}
	cert, key := s.Get(dial.Cert), s.Get(dial.CertKey)
	switch {
	case cert != "" && key != "":
		opts = append(opts, amqp.ClientCert(cert, key))
	case cert != "" || key != "":
		return nil, errors.New("connect: --cert and --key go together: give both")
	}
	return amqp.Connect(ctx, s.Get(dial.Server), opts...)
}
