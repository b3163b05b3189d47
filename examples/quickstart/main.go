// Quickstart is the smallest whole program: a task, a server inside the
// process, and an await.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded"
)

// Hello greets whoever it is told.
var Hello = atask.Define("hello", func(ctx context.Context, name string) (string, error) {
	return "hello, " + name, nil
})

func main() {
	ctx := context.Background()
	node, err := embedded.Local(ctx, Hello) // a server inside, a node on it, these tasks served; Close stops it all
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	fmt.Println(Hello.Await(node.Context(ctx), "gopher"))
}
