package actor_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// LimitError tells the awaiter more than its text: its exported fields travel.
type LimitError struct{ Limit, Asked int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("%d is over the limit of %d", e.Asked, e.Limit)
}

var Withdraw = atask.Define("withdraw", func(ctx context.Context, amount int) (int, error) {
	if amount > 100 {
		return 0, fmt.Errorf("pay out: %w", &LimitError{Limit: 100, Asked: amount})
	}
	return 0, fmt.Errorf("find account: %w", sql.ErrNoRows)
})

func ExampleSentinelError() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{ // the same on both sides
		Errors: []actor.ErrorType{actor.SentinelError("no_rows", sql.ErrNoRows)},
	}, Withdraw)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	_, err = Withdraw.Await(node.Context(ctx), 50)
	fmt.Println(err)
	fmt.Println(errors.Is(err, sql.ErrNoRows))
	// Output:
	// task "withdraw": find account: sql: no rows in result set
	// true
}

func ExampleTypedError() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{ // the same on both sides
		Errors: []actor.ErrorType{actor.TypedError[*LimitError]("limit")},
	}, Withdraw)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	_, err = Withdraw.Await(node.Context(ctx), 500)
	fmt.Println(err)
	var limit *LimitError
	if errors.As(err, &limit) {
		fmt.Println("try", limit.Limit)
	}
	// Output:
	// task "withdraw": pay out: 500 is over the limit of 100
	// try 100
}
