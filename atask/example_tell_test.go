package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

var Audit = atask.Declare[string, atask.None]("audit")

func ExampleTask_Tell() {
	ctx := context.Background()
	written := make(chan string)
	node, err := local(ctx, Audit.With(func(ctx context.Context, line string) (atask.None, error) {
		written <- line
		return atask.None{}, nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	if err := Audit.Tell(node.Context(ctx), "gopher logged in"); err != nil {
		fmt.Println("no worker took it:", err)
		return
	}
	fmt.Println("taken") // nobody waits for the rest
	fmt.Println(<-written)
	// Output:
	// taken
	// gopher logged in
}
