// Package actor is the runtime of distributed calls: nodes that make calls and
// execute them, over any transport.
//
// A [Node] is one process's presence in one namespace. It is started on a
// connection, serves tasks, makes calls, and is drained when the program stops:
//
//	conn, err := loopback.New().Connect() // or that of transport/nats
//	if err != nil {
//		return err
//	}
//	node, err := actor.Start(ctx, conn, actor.Config{})
//	if err != nil {
//		return err
//	}
//	err = node.Serve(actor.Handle("upper", func(ctx context.Context, body []byte) ([]byte, error) {
//		return bytes.ToUpper(body), nil
//	}))
//	if err != nil {
//		return err
//	}
//	out, err := node.Request(ctx, "upper", []byte("gopher"))
//	…
//	return node.Run(ctx) // until ctx ends, then drains
//
// [Handle] and [Node.Request] are the untyped forms. Programs mostly use package
// atask, whose tasks are a typed skin over them; what both need, such as
// [Error], [Future] and the options, is declared here.
//
// [Target], [NewTarget], [Begin], [Ask], [Tell], [Map], [Implement] and
// [Future.OnDone] are the seam that package atask is built on, open to other
// such skins. Programs do without them.
//
// # Guarantees
//
//   - Start has sent a message to itself through the broker when it returns, so
//     a missing permission shows there. Serve returns when its subscriptions are
//     live, and serves all of its tasks or none.
//   - Every call ends, with or without a deadline. A worker that has accepted a
//     call is asked twice a second whether it still has it; one that died is
//     noticed within a second, one that froze or was cut off within about three.
//     A call that was lost before a worker accepted it, which takes 20 ms at
//     most, is noticed after 1.3 s.
//   - A call that was refused (no worker yet, all busy, one draining) is tried
//     again until the deadline, or for Config.Patience. One that may have run is
//     not, unless its task says so.
//   - Memory is bounded: the mailbox by Config.Mailbox and Config.MailboxBytes,
//     the calls in hand by Config.InHand. Deeper calls go first, since parked
//     callers wait for them. A call that awaits another holds no slot.
//   - Drain leaves no call behind: new ones go elsewhere, those in hand finish,
//     and so do the calls that they make. When its time is over, what is left is
//     cancelled and named.
//   - A node publishes to its own namespace and to inboxes of the fabric's
//     clients, and nowhere else that a message names. Nothing is decoded before
//     it was checked, and no peer chooses a Go type.
//
// Inside a namespace everybody trusts everybody. Where isolation is a matter of
// security, give each namespace an account of its own on the broker, and a node
// for each to the programs that need several: [Node.Link] makes them known to
// each other.
//
// # What callers owe
//
// A connection for each node: Start takes it over and closes it, also when it
// fails. Close, or a Run that has returned, for each node that was started. A
// program stops what calls before what is called: its web server, its node, its
// broker. Nothing here installs a signal handler, holds a global or logs unless
// Config.Logger is set.
//
// Handlers and middleware run concurrently and heed their contexts. One that
// does not return keeps Drain waiting until its context ends, and is left
// running then.
//
// # Errors
//
// A call's error is an [*Error]: its Code is that of the protocol, Executed says
// whether the handler ran, and errors.Is finds the sentinel of the code.
// [SentinelError] and [TypedError] make a program's own errors survive the trip.
// Serve, Start, Link, Drain and Run return plain errors, which wrap [ErrBadName],
// [ErrDuplicate], [ErrDraining], [ErrClosed] or those of package transport where
// callers may branch on them.
//
// # Testing
//
// transport/loopback carries everything within the process, also in virtual
// time (testing/synctest). Config.NoLocal sends calls through the transport that
// would otherwise stay in the process; a program cannot tell the difference.
package actor
