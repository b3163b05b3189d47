package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

func ExampleVia() {
	ctx := context.Background()
	node, err := local(ctx, Hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	// The context carries no node, so the call names one.
	fmt.Println(Hello.Await(ctx, "gopher", atask.Via(node)))
	// Output: hello, gopher <nil>
}
