package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport/loopback"
)

// Price lives in another namespace. Which one that is, the program says that
// links its nodes: here it has only a role.
var Price = atask.Define("price", func(ctx context.Context, item string) (string, error) {
	info, _ := actor.InfoFrom(ctx)
	return "a " + item + " is 3 €, says " + info.Namespace, nil
}, atask.InNamespace("pricing"))

func ExampleInNamespace() {
	ctx := context.Background()
	start := func(namespace string) (*actor.Node, error) {
		conn, err := loopback.New().Connect() // a broker for each
		if err != nil {
			return nil, err
		}
		return actor.Start(ctx, conn, actor.Config{Namespace: namespace})
	}
	shop, err := start("shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Close()
	pricing, err := start("pricing-eu")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pricing.Close()
	if err := pricing.Serve(Price); err != nil {
		fmt.Println(err)
		return
	}
	if err := shop.Link(pricing, actor.As("pricing")); err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println(Price.Await(shop.Context(ctx), "tea"))
	// Output: a tea is 3 €, says pricing-eu <nil>
}
