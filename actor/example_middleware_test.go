package actor_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/actor"
)

// authorize refuses calls that carry no token.
func authorize(next actor.Handler) actor.Handler {
	return func(ctx context.Context, c *actor.Call) error {
		if c.Header["token"] != "secret" {
			return errors.New("who are you")
		}
		return next(ctx, c)
	}
}

// trace prints what comes in and what goes out.
func trace(next actor.Handler) actor.Handler {
	return func(ctx context.Context, c *actor.Call) error {
		err := next(ctx, c)
		fmt.Printf("%s(%v) = %v, %v\n", c.Info.Task, c.In, c.Out, err)
		return err
	}
}

// sign adds the token to every call.
func sign(next actor.Handler) actor.Handler {
	return func(ctx context.Context, c *actor.Call) error {
		c.Header["token"] = "secret"
		return next(ctx, c)
	}
}

func ExampleMiddleware() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{
		OnServe: []actor.Middleware{authorize}, // around what this node executes
		OnCall:  []actor.Middleware{trace},     // around what it calls
	}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()
	_, _ = Double.Await(node.Context(ctx), 21)

	node, err = local(ctx, actor.Config{
		OnServe: []actor.Middleware{authorize},
		OnCall:  []actor.Middleware{trace, sign}, // the first is the outermost
	}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()
	_, _ = Double.Await(node.Context(ctx), 21)
	// Output:
	// double(21) = <nil>, task "double": who are you
	// double(21) = 42, <nil>
}
