package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

var Square = atask.Define("square", func(ctx context.Context, n int) (int, error) { return n * n, nil })

func ExampleTask_Map() {
	ctx := context.Background()
	node, err := local(ctx, Square)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Square.Map(node.Context(ctx), []int{1, 2, 3, 4}, atask.InFlight(2)))
	// Output: [1 4 9 16] <nil>
}
