// Namespaces shows two worlds on one server that cannot see each other, and a
// process that is at home in both: a task of the shop awaits one of the
// pricing service, each over a connection and in a codec of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/embedded"
)

// Item is what a customer orders.
type Item struct {
	SKU   string
	Count int
}

// Invoice is what an order comes to.
type Invoice struct {
	Lines []string
	Total int // cents
}

// Price lives in the namespace that the shop's node knows as "pricing".
var Price = atask.Declare[string, int]("price.of", atask.InNamespace("pricing"))

// Order lives in the caller's own namespace.
var Order = atask.Declare[[]Item, Invoice]("order")

func price(ctx context.Context, sku string) (int, error) {
	prices := map[string]int{"pen": 120, "ink": 450}
	cents, ok := prices[sku]
	if !ok {
		return 0, fmt.Errorf("no price for %q", sku)
	}
	return cents, nil
}

func order(ctx context.Context, items []Item) (Invoice, error) {
	skus := make([]string, len(items))
	for i, it := range items {
		skus[i] = it.SKU
	}
	prices, err := Price.Map(ctx, skus) // in the other namespace, all at once
	if err != nil {
		return Invoice{}, err
	}
	var inv Invoice
	for i, it := range items {
		inv.Lines = append(inv.Lines, fmt.Sprintf("%d x %s at %d", it.Count, it.SKU, prices[i]))
		inv.Total += it.Count * prices[i]
	}
	return inv, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	srv, err := embedded.Start(embedded.Config{Namespaces: []embedded.Namespace{
		{Name: "shop"}, {Name: "pricing"},
	}})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err = errors.Join(err, srv.Shutdown(stop))
	}()

	pricing, err := start(ctx, srv, "pricing", codec.JSON, Price.With(price))
	if err != nil {
		return err
	}
	defer pricing.Close()
	shop, err := start(ctx, srv, "shop", codec.Msgpack, Order.With(order))
	if err != nil {
		return err
	}
	defer shop.Close()

	// Without a link the task of the other namespace is out of reach …
	_, err = Order.Await(shop.Context(ctx), []Item{{"pen", 2}})
	fmt.Println("not linked:", errors.Is(err, atask.ErrNoLink))

	// … and with a node of that namespace linked, it is one await away. The
	// shop needs a connection there, not the pricing service's own node.
	gate, err := start(ctx, srv, "pricing", codec.JSON)
	if err != nil {
		return err
	}
	defer gate.Close()
	if err := shop.Link(gate, actor.As("pricing")); err != nil {
		return err
	}
	inv, err := Order.Await(shop.Context(ctx), []Item{{"pen", 2}, {"ink", 1}})
	if err != nil {
		return err
	}
	fmt.Println("linked:", inv.Lines, inv.Total)
	return nil
}

// start connects to a namespace of the server and serves tasks there.
func start(ctx context.Context, srv *embedded.Server, namespace string, c codec.Codec, tasks ...actor.Servable) (*actor.Node, error) {
	conn, err := srv.ConnectAs(namespace)
	if err != nil {
		return nil, err
	}
	node, err := actor.Start(ctx, conn, actor.Config{Namespace: namespace, Codec: c})
	if err != nil {
		return nil, err
	}
	if err := node.Serve(tasks...); err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return node, nil
}
