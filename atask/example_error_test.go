package atask_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

func ExampleError() {
	ctx := context.Background()
	node, err := local(ctx, Half)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	_, err = Half.Await(node.Context(ctx), 7)
	var e *atask.Error
	if errors.As(err, &e) {
		fmt.Println(e.Name, e.Code, e.Executed == actor.ExecutedYes)
		fmt.Println(e.Message)
	}

	_, err = Hello.Await(node.Context(ctx), "gopher") // nobody serves it here
	if errors.Is(err, atask.ErrNoWorker) {
		fmt.Println(err)
	}
	// Output:
	// half failed true
	// 7 is odd
	// task "hello": no worker: nobody serves it in namespace default; start a worker that does, or check the name
}
