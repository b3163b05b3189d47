package actor_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

var (
	Tenant = atask.Define("tenant", func(ctx context.Context, _ atask.None) (string, error) {
		return actor.Metadata(ctx, "tenant"), nil
	})
	Above = atask.Define("above", func(ctx context.Context, _ atask.None) (string, error) {
		return Tenant.Await(ctx, atask.None{}) // passes on what it was called with
	})
)

func ExampleWithMetadata() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, Tenant, Above)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = actor.WithMetadata(node.Context(ctx), "tenant", "acme")
	fmt.Println(Above.Await(ctx, atask.None{}))
	// Output: acme <nil>
}
