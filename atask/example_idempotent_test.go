package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport/loopback"
)

// Resize does no harm when it runs twice, so a call whose worker dies is run
// again on another one.
var Resize = atask.Declare[string, string]("resize", atask.Idempotent())

func ExampleIdempotent() {
	ctx := context.Background()
	broker := loopback.New()
	defer broker.Close()

	for range 2 { // two workers; whichever is first dies of its call
		conn, err := broker.Connect()
		if err != nil {
			fmt.Println(err)
			return
		}
		worker, err := actor.Start(ctx, conn, actor.Config{})
		if err != nil {
			fmt.Println(err)
			return
		}
		err = worker.Serve(Resize.With(func(ctx context.Context, image string) (string, error) {
			if info, _ := actor.InfoFrom(ctx); info.Attempt == 1 {
				go conn.Close()
				<-ctx.Done()
			}
			return "small " + image, nil
		}))
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	conn, err := broker.Connect()
	if err != nil {
		fmt.Println(err)
		return
	}
	caller, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Resize.Await(caller.Context(ctx), "cat.png"))
	// Output: small cat.png <nil>
}
