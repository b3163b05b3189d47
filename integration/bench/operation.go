package main

import (
	"context"
	"fmt"
)

// call makes one call and looks at the answer.
type call func() error

// operation makes the calls of one goroutine, which shares nothing with
// others. With care, an answer is looked at as a whole.
type operation func(care bool) call

// operator is what a caller calls with.
type operator interface {
	// operation returns what is called name, of a size that means something
	// to it. Its calls end when ctx does.
	operation(ctx context.Context, name string, size int) (operation, error)
}

// client are typed calls, by hand or by tasks.
type client interface {
	// context returns the context under which calls are made.
	context(ctx context.Context) context.Context
	echo(ctx context.Context, p *Payload) (Payload, error)
	fib(ctx context.Context, n int) (int, error)
	fan(ctx context.Context, ins []int) ([]int, error)
}

// typed makes a client's calls. Each ends within callTimeout: by hand that takes
// a context, a task is declared with it.
type typed struct{ client }

func (t typed) operation(ctx context.Context, name string, size int) (operation, error) {
	ctx = t.context(ctx)
	switch name {
	case "echo":
		return t.echoes(ctx, size)
	case "fib":
		return t.fibs(ctx, size), nil
	case "fan":
		return t.fans(ctx, size), nil
	}
	return nil, fmt.Errorf("there is no operation %q", name)
}

func (t typed) echoes(ctx context.Context, size int) (operation, error) {
	pattern, err := newPayload(size)
	if err != nil {
		return nil, err
	}
	return func(care bool) call {
		p := pattern
		return func() error {
			p.ID++
			got, err := t.echo(ctx, &p)
			if err != nil {
				return err
			}
			return checkEcho(&p, &got, care)
		}
	}, nil
}

func (t typed) fibs(ctx context.Context, n int) operation {
	want, next := 0, 1
	for range n {
		want, next = next, want+next
	}
	return func(bool) call {
		return func() error {
			got, err := t.fib(ctx, n)
			if err == nil && got != want {
				err = fmt.Errorf("fib(%d) is said to be %d, want %d", n, got, want)
			}
			return err
		}
	}
}

func (t typed) fans(ctx context.Context, n int) operation {
	return func(bool) call {
		ins := make([]int, n)
		for i := range ins {
			ins[i] = i
		}
		return func() error {
			outs, err := t.fan(ctx, ins)
			if err != nil {
				return err
			}
			for i, got := range outs {
				if want := one(ins[i]); got != want {
					return fmt.Errorf("result %d of a fan-out is %d, want %d", i, got, want)
				}
			}
			return nil
		}
	}
}
