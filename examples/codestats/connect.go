package main

import (
	"context"
	"strings"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/amqp"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// connect connects to RabbitMQ or to NATS, as the address says. It is all of
// this program that knows which one it is.
func connect(ctx context.Context, address, name string) (transport.Conn, error) {
	if strings.HasPrefix(address, "amqp") {
		return amqp.Connect(ctx, address, amqp.Name(name))
	}
	return atnats.Connect(ctx, address, atnats.Name(name))
}
