package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

var Render = atask.Declare[int, int]("render")

func ExampleLimit() {
	ctx := context.Background()
	busy := 0 // needs no lock: Limit(1) says that one call runs at a time
	node, err := local(ctx, Render.With(func(ctx context.Context, frame int) (int, error) {
		busy++
		defer func() { busy-- }()
		return busy, nil
	}, atask.Limit(1)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Render.Map(node.Context(ctx), []int{1, 2, 3, 4}))
	// Output: [1 1 1 1] <nil>
}
