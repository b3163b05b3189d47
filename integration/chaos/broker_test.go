package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/embedded"
)

// brokerRole is a server in a process of its own.
type brokerRole struct {
	Listen string // with a port, so that it can be started again there

	// PingInterval is how often the server asks silent clients. Default: what
	// embedded sets. natsPings is what a NATS server does by itself, which
	// keeps a frozen worker in its queue groups for minutes.
	PingInterval time.Duration
}

const natsPings = 2 * time.Minute

func (b *brokerRole) play(ctx context.Context) error {
	srv, err := embedded.Start(embedded.Config{Listen: b.Listen, NoJetStream: true, PingInterval: b.PingInterval})
	if err != nil {
		return err
	}
	fmt.Println(ready + srv.URL())
	<-ctx.Done()
	// Clients do not leave by themselves, so this cuts them off after a moment:
	// a restart as an operator does it.
	end, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = srv.Shutdown(end) // it complains of those that were there, who are the point
	return nil
}
