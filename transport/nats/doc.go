// Package nats carries messages over NATS, with github.com/nats-io/nats.go. It
// is imported as atnats, since the client has the same name:
//
//	conn, err := atnats.Connect(ctx, "nats://127.0.0.1:4222")
//	node, err := actor.Start(ctx, conn, actor.Config{})
//
// [Connect] makes a connection of its own, tuned for awaiting calls. [Use] puts
// one on top of a connection that the program has already; that one is never
// closed, and nothing on it is replaced.
//
// # What Connect sets
//
// A server that is frozen, or behind a link that has gone silent, is noticed
// after 8 to 12 seconds; one that has died at once. The connection is restored
// for ever, at first within 100 ms and then at random moments up to 2 seconds
// apart, so that a thousand clients do not come back together; wrong
// credentials do not end that, since they may be mended meanwhile. While the
// connection is cut nothing is kept: Publish and Flush fail at once with
// transport.ErrDisconnected. What Publish had accepted within the last moments
// before a cut may be lost.
//
// A subscription keeps up to 262,144 messages and 64 MiB for a handler that is
// behind; what comes above that is lost, and the owner hears Dropped. How
// these values were chosen is written in docs/adr/0004-nats-client.md.
//
// # Store
//
// With JetStream, NATS 2.11 or later, the connections are transport.Storers. A
// store is a key-value bucket, so that "nats kv" shows what is in it. Requests
// are answered in the client's inbox: where permissions count, give the
// connection one of its own, with nats.CustomInboxPrefix in ClientOptions.
// Records are kept on three servers of a cluster unless StoreConfig says
// otherwise. While the stream has no leader, 4 to 9 seconds after one has died,
// writes fail with transport.ErrStoreUnavailable, and reads when their context
// ends.
//
// # What the fabric guarantees
//
// Core NATS delivers at most once. Of the guarantees of transport.Conn, one
// is weaker here: a server that has stopped reading can hold up Publish for 5
// seconds, whatever its context says, because the client writes to the socket
// while it holds its lock. On a cluster, news of a subscription reaches other
// servers some milliseconds after Flush has returned.
//
// # Errors
//
// Whatever Connect says names what was attempted, on which address, and what
// to do. User names, passwords, tokens and seeds appear in no error and in no
// log line.
package nats
