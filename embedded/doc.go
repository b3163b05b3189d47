// Package embedded runs a NATS server inside the process, so that one binary
// is all there is to deploy: a program on its own, a broker for workers
// elsewhere, or one of several that form a cluster.
//
//	node, err := embedded.Local(ctx, Hello) // a server, a node on it, these tasks served
//
// and with everything in hand:
//
//	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:4222", Dir: "/var/lib/shop"})
//	if err != nil {
//		return err
//	}
//	conn, err := srv.Connect()
//	if err != nil {
//		return err
//	}
//	node, err := actor.Start(ctx, conn, actor.Config{})
//	…
//	err = node.Drain(ctx) // closes conn
//	err = srv.Shutdown(ctx)
//
// Only this package links the server, which makes a binary about 10 MB larger.
//
// # What is kept
//
// Without Config.Dir nothing outlives the server: JetStream stores in memory,
// and refuses streams with file storage rather than pretend. Without Dir a
// member of a cluster forgets, when it stops, what it stored and how it voted;
// replicas are safe only while a majority of the members runs on.
//
// With Dir everything that JetStream acknowledged is on the disk before it is
// acknowledged. That costs a disk sync for each, and is what a power cut does
// not undo: with Config.SyncInterval acknowledged messages, and a stream made
// shortly before, can be gone after one. A process that is killed loses
// nothing either way. Messages that are no stream's are never stored.
//
// # Who may do what
//
// Without Config.Listen only this process reaches the server. With it, on a
// loopback address, every program on the machine does, unless Auth, Namespaces
// or TLS that verifies clients keeps them out; on any other address Start
// refuses to do without these. Passwords cross the network readable unless
// there is TLS.
//
// Whoever may connect may do everything in its namespace, to every task, stream
// and node there. Between namespaces of Config.Namespaces nothing passes, by
// message, by stream or by asking the server. They share the machine: one that
// sends without end slows the others down, and connections that are not logged
// in yet count against MaxConnections too.
//
// Members of a cluster trust each other in everything, hence Cluster.Secret and
// Cluster.TLS. Nobody can log in to the server's system account. No monitoring
// port, websocket, MQTT, leaf node or gateway is ever opened, and no signal
// handler is installed. Neither errors nor the log show passwords, tokens or
// the cluster's secret.
//
// # What the caller owes
//
// Drain or close the connections first, then call Shutdown, with a context that
// says how long other processes' clients may take to leave. Errors say which
// field of Config is meant and what to set.
//
// # Testing
//
// A server with the zero Config starts in about two milliseconds. It runs under
// testing/synctest, where a day passes in a moment; package embeddedtest does
// what is needed for that.
package embedded
