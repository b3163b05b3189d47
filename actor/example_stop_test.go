package actor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/actor"
)

func ExampleNode_Run() {
	// A program takes its context from signal.NotifyContext.
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	node, err := local(ctx, actor.Config{DrainTimeout: time.Minute}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	stop() // SIGTERM

	fmt.Println(node.Run(ctx)) // blocks until then, drains, closes
	// Output: <nil>
}

func ExampleNode_Drain() {
	ctx := context.Background()
	begun := make(chan struct{})
	node, err := local(ctx, actor.Config{}, actor.Handle("stubborn", func(ctx context.Context, _ []byte) ([]byte, error) {
		close(begun)
		<-ctx.Done() // until Drain runs out of time
		return nil, context.Cause(ctx)
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _, _ = node.Request(ctx, "stubborn", nil) }()
	<-begun

	hurry := errors.New("the machine goes down")
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Millisecond, hurry)
	defer cancel()
	err = node.Drain(ctx) // names what it had to cut short
	fmt.Println(errors.Is(err, hurry))
	// Output: true
}

func ExampleNode_Close() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(node.Close(), node.Close()) // a short drain; again is fine

	_, err = Double.Await(node.Context(ctx), 21)
	fmt.Println(errors.Is(err, actor.ErrClosed))
	// Output:
	// <nil> <nil>
	// true
}

func ExampleNode_Done() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	go node.Close() // or whatever else ends it: a lost broker, an operator

	<-node.Done()
	fmt.Println("closed, and nothing of it runs any more")
	// Output: closed, and nothing of it runs any more
}
