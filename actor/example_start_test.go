package actor_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport/loopback"
)

func ExampleStart() {
	ctx := context.Background()
	conn, err := loopback.New().Connect() // or that of another transport
	if err != nil {
		fmt.Println(err)
		return
	}
	node, err := actor.Start(ctx, conn, actor.Config{}) // the zero value works
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close() // closes conn, too

	fmt.Println(node.Namespace())
	// Output: default
}

func ExampleConfig() {
	ctx := context.Background()
	conn, err := loopback.New().Connect()
	if err != nil {
		fmt.Println(err)
		return
	}
	node, err := actor.Start(ctx, conn, actor.Config{
		Namespace: "shop",
		Group:     "checkout",
		Codec:     codec.JSON,
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Slots:     16,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(node.Namespace())
	// Output: shop
}

func ExampleNode_ID() {
	ctx := context.Background()
	broker := loopback.New()
	var ids []string
	for range 2 {
		conn, err := broker.Connect()
		if err != nil {
			fmt.Println(err)
			return
		}
		node, err := actor.Start(ctx, conn, actor.Config{})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer node.Close()
		ids = append(ids, node.ID())
	}
	fmt.Println(ids[0] != ids[1]) // drawn anew at each start
	// Output: true
}
