package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

var Half = atask.Define("half", func(ctx context.Context, n int) (int, error) {
	if n%2 != 0 {
		return 0, fmt.Errorf("%d is odd", n)
	}
	return n / 2, nil
})

func ExampleAll() {
	ctx := context.Background()
	node, err := local(ctx, Half)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	fmt.Println(atask.All(ctx, Half.Start(ctx, 10), Half.Start(ctx, 20)))
	fmt.Println(atask.All(ctx, Half.Start(ctx, 10), Half.Start(ctx, 7))) // the first error cancels the rest
	// Output:
	// [5 10] <nil>
	// [] task "half": 7 is odd
}

func ExampleSettle() {
	ctx := context.Background()
	node, err := local(ctx, Half)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	for _, r := range atask.Settle(ctx, Half.Start(ctx, 10), Half.Start(ctx, 7), Half.Start(ctx, 20)) {
		fmt.Println(r.Value, r.Err)
	}
	// Output:
	// 5 <nil>
	// 0 task "half": 7 is odd
	// 10 <nil>
}

func ExampleFirst() {
	ctx := context.Background()
	node, err := local(ctx, Half)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	fmt.Println(atask.First(ctx, Half.Start(ctx, 7), Half.Start(ctx, 10)))
	fmt.Println(atask.First(ctx, Half.Start(ctx, 7), Half.Start(ctx, 9))) // all fail
	// Output:
	// 5 <nil>
	// 0 task "half": 7 is odd
	// task "half": 9 is odd
}

func ExampleAsCompleted() {
	ctx := context.Background()
	node, err := local(ctx, Half)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	for i, r := range atask.AsCompleted(ctx, Half.Start(ctx, 10), Half.Start(ctx, 20), Half.Start(ctx, 30)) {
		fmt.Println(i, r.Value) // whichever is done first
	}
	// Unordered output:
	// 0 5
	// 1 10
	// 2 15
}

func ExampleJoin2() {
	ctx := context.Background()
	node, err := local(ctx, Half, Hello, Wait)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	n, s, err := atask.Join2(ctx, Half.Start(ctx, 10), Hello.Start(ctx, "gopher"))
	fmt.Println(n, s, err)
	_, _, err = atask.Join2(ctx, Half.Start(ctx, 7), Wait.Start(ctx, atask.None{})) // does not wait for Wait
	fmt.Println(err)
	// Output:
	// 5 hello, gopher <nil>
	// task "half": 7 is odd
}
