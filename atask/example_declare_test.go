package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

// Fib is the contract. Callers and workers share it.
var Fib = atask.Declare[int, int]("fib")

// fibonacci is the implementation. Only workers have it.
func fibonacci(ctx context.Context, n int) (int, error) {
	if n < 2 {
		return n, nil
	}
	v, err := atask.All(ctx, Fib.Start(ctx, n-1), Fib.Start(ctx, n-2))
	if err != nil {
		return 0, err
	}
	return v[0] + v[1], nil
}

func ExampleDeclare() {
	ctx := context.Background()
	node, err := local(ctx, Fib.With(fibonacci))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Fib.Await(node.Context(ctx), 10))
	// Output: 55 <nil>
}
