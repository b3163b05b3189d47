package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/actor"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// Local starts a server inside the process, without a listener and without
// JetStream, and a node on it that serves the given tasks. Closing the node stops the
// server too. ctx bounds the start only.
func Local(ctx context.Context, servables ...actor.Servable) (*actor.Node, error) {
	srv, err := Start(Config{NoJetStream: true})
	if err != nil {
		return nil, err
	}
	conn, err := srv.Connect()
	if err != nil {
		return nil, errors.Join(err, srv.Shutdown(ctx))
	}
	node, err := actor.Start(ctx, owned{conn, srv}, actor.Config{})
	if err != nil {
		return nil, fmt.Errorf("embedded: local: %w", err) // the connection took the server with it
	}
	if err := node.Serve(servables...); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: local: %w", err), node.Close())
	}
	return node, nil
}

// owned is the only connection of a server, which ends with it.
type owned struct {
	*atnats.Conn
	server *Server
}

// stopWait bounds the shutdown of a server that nobody else uses.
const stopWait = 5 * time.Second

// Close implements transport.Conn.
func (c owned) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	return errors.Join(c.Conn.Close(), c.server.Shutdown(ctx))
}

// Drain implements transport.Conn.
func (c owned) Drain(ctx context.Context) error {
	return errors.Join(c.Conn.Drain(ctx), c.server.Shutdown(ctx))
}
