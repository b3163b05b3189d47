package actor_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
)

// upper is a handler of bytes: the untyped actor under every served task.
func upper(ctx context.Context, body []byte) ([]byte, error) { return bytes.ToUpper(body), nil }

func ExampleNode_Request() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, actor.Handle("upper", upper))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	out, err := node.Request(ctx, "upper", []byte("gopher"))
	fmt.Printf("%s %v\n", out, err)
	// Output: GOPHER <nil>
}

func ExampleHandle() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	if err := node.Serve(actor.Handle("upper", upper, actor.Limit(4))); err != nil {
		fmt.Println(err)
		return
	}
	out, err := node.Request(ctx, "upper", []byte("gopher"))
	fmt.Printf("%s %v\n", out, err)
	// Output: GOPHER <nil>
}
