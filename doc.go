// Package atasks is the root of a module that lets a Go program await a
// function which may run on any worker, as if it were a local call. A task may
// await other tasks, in sequence, in parallel, recursively. Everything travels
// over NATS, with a server in the same binary if you like, or within the
// process.
//
//	var Hello = atask.Define("hello", func(ctx context.Context, name string) (string, error) {
//		return "hello, " + name, nil
//	})
//
//	node, err := embedded.Local(ctx, Hello)
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer node.Close()
//	fmt.Println(Hello.Await(node.Context(ctx), "gopher"))
//
// The package itself holds nothing. What there is to import:
//
//   - atask: typed tasks, the package that most programs use;
//   - actor: the runtime below it, with nodes and calls;
//   - embedded: a NATS server inside the process;
//   - transport/nats, transport/loopback: what messages travel over, each a transport.Conn;
//   - codec: what turns values into bytes;
//   - atask/atasktest and embedded/embeddedtest: tests of your own tasks.
//
// The programs in examples are meant to be copied. docs/architecture.md tells
// how the parts work together, docs/protocol.md what they say to each other.
package atasks
