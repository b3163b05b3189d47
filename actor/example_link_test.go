package actor_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// Price is a task of whatever namespace plays the role of "pricing".
var Price = atask.Define("price", func(ctx context.Context, item string) (string, error) {
	return item + ": 3 €", nil
}, atask.InNamespace("pricing"))

func ExampleNode_Link() {
	ctx := context.Background()
	shop, err := local(ctx, actor.Config{Namespace: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Close()
	pricing, err := local(ctx, actor.Config{Namespace: "pricing"}, Price)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pricing.Close()

	if err := shop.Link(pricing); err != nil { // its role is its namespace
		fmt.Println(err)
		return
	}
	fmt.Println(Price.Await(shop.Context(ctx), "tea"))
	// Output: tea: 3 € <nil>
}

func ExampleAs() {
	ctx := context.Background()
	shop, err := local(ctx, actor.Config{Namespace: "shop-staging"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Close()
	pricing, err := local(ctx, actor.Config{Namespace: "pricing-staging"}, Price)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pricing.Close()

	if err := shop.Link(pricing, actor.As("pricing")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Price.Await(shop.Context(ctx), "tea"))
	// Output: tea: 3 € <nil>
}
