package atask_test

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/atask"
)

var Hello = atask.Define("hello", func(ctx context.Context, name string) (string, error) {
	return "hello, " + name, nil
})

func ExampleDefine() {
	ctx := context.Background()
	node, err := local(ctx, Hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	fmt.Println(Hello.Await(node.Context(ctx), "gopher"))
	// Output: hello, gopher <nil>
}
