package actor_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

var Countdown = atask.Declare[int, string]("countdown")

func ExampleInfoFrom() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, Countdown.With(func(ctx context.Context, n int) (string, error) {
		if n > 0 {
			return Countdown.Await(ctx, n-1)
		}
		info, _ := actor.InfoFrom(ctx)
		return fmt.Sprintf("%s in %s at depth %d, attempt %d", info.Task, info.Namespace, info.Depth, info.Attempt), nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Countdown.Await(node.Context(ctx), 3))
	// Output: countdown in default at depth 3, attempt 1 <nil>
}
