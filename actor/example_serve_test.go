package actor_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

var (
	Double = atask.Define("double", func(ctx context.Context, n int) (int, error) { return 2 * n, nil })
	Negate = atask.Define("negate", func(ctx context.Context, n int) (int, error) { return -n, nil })
)

func ExampleNode_Serve() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(node.Serve(Double, Negate)) // both, or none
	fmt.Println(Double.Await(node.Context(ctx), 21))

	err = node.Serve(Negate)
	fmt.Println(errors.Is(err, actor.ErrDuplicate))
	// Output:
	// <nil>
	// 42 <nil>
	// true
}
