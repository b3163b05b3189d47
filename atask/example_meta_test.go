package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

var WhoAmI = atask.Define("whoami", func(ctx context.Context, _ atask.None) (string, error) {
	return actor.Metadata(ctx, "user"), nil
})

func ExampleMeta() {
	ctx := context.Background()
	node, err := local(ctx, WhoAmI)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(WhoAmI.Await(node.Context(ctx), atask.None{}, atask.Meta("user", "gopher")))
	// Output: gopher <nil>
}
