package atask_test

import (
	"context"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport/loopback"
)

// local starts a node that serves the tasks, for the examples. A program has
// embedded.Local, which does the same with a NATS server inside, or connects
// to a broker and starts its node with actor.Start.
func local(ctx context.Context, tasks ...atask.Servable) (*actor.Node, error) {
	conn, err := loopback.New().Connect()
	if err != nil {
		return nil, err
	}
	node, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		return nil, err
	}
	return node, node.Serve(tasks...)
}
