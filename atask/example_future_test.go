package atask_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

// Wait waits until nobody wants it to any more.
var Wait = atask.Define("wait", func(ctx context.Context, _ atask.None) (atask.None, error) {
	<-ctx.Done()
	return atask.None{}, context.Cause(ctx)
})

func ExampleFuture_Await() {
	ctx := context.Background()
	node, err := local(ctx, Hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	f := Hello.Start(node.Context(ctx), "gopher")
	for range 2 { // as often as one likes, from any goroutine
		fmt.Println(f.Await(ctx))
	}
	// Output:
	// hello, gopher <nil>
	// hello, gopher <nil>
}

func ExampleFuture_Done() {
	ctx := context.Background()
	node, err := local(ctx, Hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	interrupted := make(chan struct{})
	f := Hello.Start(node.Context(ctx), "gopher")
	select {
	case <-f.Done():
		fmt.Println(f.Await(ctx)) // does not wait
	case <-interrupted:
		f.Cancel()
	}
	// Output: hello, gopher <nil>
}

func ExampleFuture_Cancel() {
	ctx := context.Background()
	node, err := local(ctx, Wait)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	f := Wait.Start(node.Context(ctx), atask.None{})
	f.Cancel() // the context of the handler ends, wherever it runs
	_, err = f.Await(ctx)
	fmt.Println(errors.Is(err, context.Canceled))
	fmt.Println(err)
	// Output:
	// true
	// task "wait": context canceled: cancelled by its awaiter
}

func ExampleFuture_ID() {
	ctx := context.Background()
	node, err := local(ctx, Hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	a, b := Hello.Start(ctx, "gopher"), Hello.Start(ctx, "gopher")
	fmt.Println(a.ID() != b.ID(), len(a.ID()) > 8)
	// Output: true true
}
