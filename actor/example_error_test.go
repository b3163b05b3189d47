package actor_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/actor"
)

func ExampleError() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	_, err = node.Request(ctx, "upper", []byte("gopher"))
	var e *actor.Error
	if errors.As(err, &e) {
		fmt.Println("task:", e.Name)
		fmt.Println("code:", e.Code)
		fmt.Println("did it run:", e.Executed)
	}
	fmt.Println(errors.Is(err, actor.ErrNoWorker))
	// Output:
	// task: upper
	// code: no_worker
	// did it run: no
	// true
}
