package actor_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/atasks-io/atasks/actor"
)

func ExampleNode_Context() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx = node.Context(ctx) // calls made under it go through node
	fmt.Println(Double.Await(ctx, 21))
	// Output: 42 <nil>
}

func ExampleNode_Context_webServer() {
	ctx := context.Background()
	node, err := local(ctx, actor.Config{}, Double)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close() // after the server: its handlers still make calls

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := Double.Await(r.Context(), 21) // ends when the client goes away
		_, _ = fmt.Fprint(w, n, err)
	}))
	server.Config.BaseContext = func(net.Listener) context.Context { return node.Context(ctx) }
	server.Start()
	defer server.Close()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %v\n", body, err)
	// Output: 42 <nil> <nil>
}
