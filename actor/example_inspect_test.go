package actor_test

import (
	"context"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/actor"
)

func ExampleNode_Nodes() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{Version: "1.2.3"}, Double, Negate)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	nodes, err := node.Nodes(ctx, 50*time.Millisecond) // whoever answers by then
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range nodes {
		fmt.Println(n.Namespace, n.Version, n.State)
		for _, task := range n.Tasks {
			fmt.Println(task.Name, task.Calls)
		}
	}
	// Output:
	// default 1.2.3 running
	// double 0
	// negate 0
}
