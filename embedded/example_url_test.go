package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// Another process reaches a server with a listener by its URL. Here both ends
// are in one, and the worker is stopped while it has a call in hand.
func ExampleServer_URL() {
	ctx := context.Background()
	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Shutdown(ctx)
	node := func(tasks ...actor.Servable) *actor.Node {
		conn, err := atnats.Connect(ctx, srv.URL())
		if err != nil {
			log.Fatal(err)
		}
		n, err := actor.Start(ctx, conn, actor.Config{})
		if err != nil {
			log.Fatal(err)
		}
		if err := n.Serve(tasks...); err != nil {
			log.Fatal(err)
		}
		return n
	}
	begun := make(chan struct{})
	wait := atask.Define("wait", func(ctx context.Context, _ atask.None) (atask.None, error) {
		close(begun)
		<-ctx.Done()
		return atask.None{}, ctx.Err()
	})
	worker, caller := node(wait), node()
	defer caller.Close()

	f := wait.Start(caller.Context(ctx), atask.None{})
	<-begun
	hurry, cancel := context.WithCancel(ctx)
	cancel()
	fmt.Println("cut short:", errors.Is(worker.Drain(hurry), context.Canceled)) // what is left is cancelled with the cause of the context
	_, err = f.Await(ctx)
	fmt.Println("worker lost:", errors.Is(err, atask.ErrWorkerLost))
	// Output:
	// cut short: true
	// worker lost: true
}
