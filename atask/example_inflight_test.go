package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

func ExampleInFlight() {
	ctx := context.Background()
	node, err := local(ctx, Square)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	inputs := make([]int, 1_000)
	results, err := Square.Map(node.Context(ctx), inputs, atask.InFlight(100)) // 100 calls at once, no more
	fmt.Println(len(results), err)
	// Output: 1000 <nil>
}
