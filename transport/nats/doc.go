// Package nats carries tasks over NATS, on github.com/nats-io/nats.go. Import
// it under another name than the client's:
//
//	import atnats "github.com/atasks-io/atasks/transport/nats"
//
//	conn, err := atnats.Connect(ctx, "nats://127.0.0.1:4222")
//	node, err := actor.Start(ctx, conn, actor.Config{})
//
// [Connect] makes a connection that is tuned for awaiting: a server that does
// not answer is noticed within 15 seconds instead of minutes, the client
// reconnects for ever, at random moments, and keeps little while it is cut
// off. [Use] takes over a connection that the program has, and leaves its
// settings and handlers alone.
package nats
