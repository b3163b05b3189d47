package atask_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/atasks-io/atasks/atask"
)

var Count = atask.Declare[string, int]("text.count")

// counter is a worker with something of its own: implementations may be
// methods.
type counter struct{ separator string }

func (c counter) count(ctx context.Context, text string) (int, error) {
	return len(strings.Split(text, c.separator)), nil
}

func ExampleTask_With() {
	ctx := context.Background()
	node, err := local(ctx, Count.With(counter{separator: ","}.count))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Count.Await(node.Context(ctx), "a,b,c"))
	// Output: 3 <nil>
}

func ExampleTask_Await() {
	ctx := context.Background()
	node, err := local(ctx, Count.With(counter{separator: " "}.count))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	words, err := Count.Await(node.Context(ctx), "to be or not to be")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(words, "words")
	// Output: 6 words
}

func ExampleTask_Start() {
	ctx := context.Background()
	node, err := local(ctx, Count.With(counter{separator: " "}.count))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx)
	question := Count.Start(ctx, "to be or not to be") // both run now
	answer := Count.Start(ctx, "42")
	fmt.Println(question.Await(ctx))
	fmt.Println(answer.Await(ctx))
	// Output:
	// 6 <nil>
	// 1 <nil>
}

func ExampleTask_Name() {
	fmt.Println(Count.Name())
	// Output: text.count
}
