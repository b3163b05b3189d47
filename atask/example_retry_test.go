package atask_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// Charge may run again after it has failed: at most four times in all, after
// 1 ms, 2 ms, 4 ms.
var Charge = atask.Declare[string, string]("charge", atask.Retry(atask.RetryPolicy{
	MaxAttempts: 4,
	Initial:     time.Millisecond,
}))

func charge(ctx context.Context, card string) (string, error) {
	if card == "stolen" {
		return "", atask.Permanent(errors.New("card is blocked")) // another attempt cannot help
	}
	info, _ := actor.InfoFrom(ctx)
	if info.Attempt < 3 {
		return "", errors.New("bank does not answer")
	}
	return fmt.Sprint("charged at attempt ", info.Attempt), nil
}

func ExampleRetry() {
	ctx := context.Background()
	node, err := local(ctx, Charge.With(charge))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Charge.Await(node.Context(ctx), "good"))
	// Output: charged at attempt 3 <nil>
}

func ExamplePermanent() {
	ctx := context.Background()
	node, err := local(ctx, Charge.With(charge))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	_, err = Charge.Await(node.Context(ctx), "stolen")
	fmt.Println(err)
	// Output: task "charge": card is blocked
}
