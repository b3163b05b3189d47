package actor_test

import (
	"context"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// local starts a node on a broker inside this process, for the examples that
// are about something else.
func local(ctx context.Context, cfg actor.Config, servables ...actor.Servable) (*actor.Node, error) {
	conn, err := loopback.New().Connect()
	if err != nil {
		return nil, err
	}
	node, err := actor.Start(ctx, conn, cfg)
	if err != nil {
		return nil, err
	}
	return node, node.Serve(servables...)
}
