// Package atask lets a program await a function that may run on any worker, as
// if it were a local call.
//
// A [Task] is a named function from one type to another. Whoever calls it and
// whoever carries it out share its declaration, and nothing else:
//
//	var Hello = atask.Define("hello", func(ctx context.Context, name string) (string, error) {
//		return "hello, " + name, nil
//	})
//
//	func main() {
//		ctx := context.Background()
//		node, err := embedded.Local(ctx, Hello) // a server inside, a node on it, the task served
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer node.Close()
//		fmt.Println(Hello.Await(node.Context(ctx), "gopher"))
//	}
//
// A task that calls itself, or whose implementation callers shall not link, is
// declared with [Declare] and implemented with [Task.With]: Go refuses a
// variable whose own initializer mentions it.
//
// # Calls
//
// [Task.Await] waits for the result, [Task.Start] returns a [Future] at once,
// [Task.Tell] returns when a worker has taken the call, [Task.Map] calls the
// task for every input. [All], [Settle], [First], [AsCompleted] and [Join2] wait
// for several futures. They work alike in a program's main and in a handler,
// which so becomes the parent of the calls it makes.
//
// A call goes through the node that its context carries: see actor.Node.Context.
// A handler's context carries the node that runs it.
//
// # Guarantees
//
//   - Every call ends in exactly one way: with the result, the handler's error,
//     or an error of the runtime. With a deadline it ends at the deadline at the
//     latest, and without one when its worker is lost.
//   - A call starts at most once, unless the task is declared with [Idempotent]
//     or [Retry]. A refused call, which did not run, is tried again on its own.
//   - A handler that awaits holds no slot, so recursion and fan-out finish even
//     on a worker with one slot, whichever way the handler waits.
//   - The end of a context, and [Future.Cancel], reach the handler's context
//     wherever it runs, and the calls that it made. The cause travels as text.
//   - Whether a call stays in the process or crosses the network can be told by
//     its speed only: inputs, results, errors and contexts take the same form.
//   - A handler that panics, exits its goroutine or returns what cannot be
//     encoded ends its own call and no other.
//
// Nothing here is durable. A call is lost with the process that awaits it, and
// one that was told with the worker that took it.
//
// # What callers owe
//
// Inputs and results are values that the codec carries: exported fields, no
// channels, no functions, at most as large as the broker's messages. Both sides
// declare a task alike; a field that only one side has is left out.
//
// A handler heeds its context. When it returns, its context ends and the calls
// that it has not awaited are cancelled; context.WithoutCancel detaches a call
// from it. A handler that waits for something other than a call of its own
// keeps its slot meanwhile.
//
// A future that nobody needs any more is cancelled with [Future.Cancel], or by
// the end of the context it was started under. It costs nothing to forget one
// whose call has a deadline.
//
// # Errors
//
// Calls return errors of type [*Error], whose text names the task and says what
// to do where that is known. errors.Is finds the condition, such as
// [ErrNoWorker], [ErrBusy], [ErrWorkerLost] or context.DeadlineExceeded; Executed
// says whether the handler ran. Of a handler's own error the text arrives, and
// what was registered in actor.Config.Errors is found by errors.Is and
// errors.As, through any number of tasks. [Permanent] marks an error that
// another attempt cannot cure.
//
// # Testing
//
// Tasks are plain functions and can be tested as such. Package atask/atasktest
// gives a test a node within the process, on which tasks are served, replaced
// and called; package embedded/embeddedtest does the same on a real server.
package atask
