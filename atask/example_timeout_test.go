package atask_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/atask"
)

// Budget tells how much time it has. Its calls have a second, all attempts
// together, unless their context or a CallTimeout says otherwise.
var Budget = atask.Define("budget", func(ctx context.Context, _ atask.None) (time.Duration, error) {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline).Round(time.Second), nil
}, atask.Timeout(time.Second))

func ExampleTimeout() {
	ctx := context.Background()
	node, err := local(ctx, Budget)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Budget.Await(node.Context(ctx), atask.None{}))
	// Output: 1s <nil>
}

func ExampleCallTimeout() {
	ctx := context.Background()
	node, err := local(ctx, Budget, Wait)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	fmt.Println(Budget.Await(ctx, atask.None{}, atask.CallTimeout(time.Minute)))
	_, err = Wait.Await(ctx, atask.None{}, atask.CallTimeout(10*time.Millisecond))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// 1m0s <nil>
	// true
}
