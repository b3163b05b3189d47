package loopback_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// Two writers want the same record. Who has read an old revision is refused,
// and looks again.
func Example_store() {
	ctx := context.Background()
	broker := loopback.New()
	defer broker.Close()
	conn, err := broker.Connect()
	if err != nil {
		log.Fatal(err)
	}
	keeper, ok := conn.(transport.Storer)
	if !ok {
		log.Fatal("this transport keeps no records")
	}
	store, err := keeper.OpenStore(ctx, transport.StoreConfig{Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}

	first, err := store.Put(ctx, "owner.cart-42", []byte("node A"), 0, 0) // 0: only if there is none
	if err != nil {
		log.Fatal(err)
	}
	second, err := store.Put(ctx, "owner.cart-42", []byte("node B"), first, 15*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	_, err = store.Put(ctx, "owner.cart-42", []byte("node A again"), first, 0)
	fmt.Println("a late writer is refused:", errors.Is(err, transport.ErrConflict))

	e, err := store.Get(ctx, "owner.cart-42")
	fmt.Println(string(e.Value), e.Revision == second, err)
	// Output:
	// a late writer is refused: true
	// node B true <nil>
}
