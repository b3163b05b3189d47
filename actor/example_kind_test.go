package actor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// Cart is the state of one customer's cart.
type Cart struct{ Items map[string]int }

// AddReq says what to put into a cart.
type AddReq struct {
	Item  string
	Count int
}

// Add returns how many of the item are in the cart now.
func (c *Cart) Add(_ context.Context, in AddReq) (int, error) {
	if c.Items == nil {
		c.Items = make(map[string]int)
	}
	c.Items[in.Item] += in.Count
	return c.Items[in.Item], nil
}

var (
	Carts   = actor.DeclareKind[Cart]("cart", actor.Volatile())
	CartAdd = actor.Method[AddReq, int](Carts, "add")
)

func ExampleKind() {
	ctx := context.Background()
	conn, err := loopback.New().Connect()
	if err != nil {
		log.Fatal(err)
	}
	node, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	if err := node.Serve(Carts.With(CartAdd.With((*Cart).Add))); err != nil {
		log.Fatal(err)
	}
	ctx = node.Context(ctx)
	for range 2 {
		n, err := CartAdd.Ask(ctx, "user-42", AddReq{Item: "apple", Count: 3})
		fmt.Println(n, err)
	}
	// Output:
	// 3 <nil>
	// 6 <nil>
}
