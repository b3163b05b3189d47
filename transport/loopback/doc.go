// Package loopback carries messages inside one process. It is the reference
// implementation of the transport seam: everything above the seam can be
// tested on it, also in virtual time (testing/synctest), since it waits on
// nothing outside the process.
//
//	broker := loopback.New()
//	defer broker.Close()
//	conn, err := broker.Connect()
//
// # Guarantees
//
// A message has reached the queue of every matching subscription, or has come
// back as NoResponders, when Publish returns; so Flush has nothing to wait for
// and messages of one publisher never overtake each other. What a subscription
// receives is a copy of its own.
//
// As on NATS, a message that nobody takes comes back to the connection that
// published it, on the first of its subscriptions outside any group that
// matches the reply subject. A member of a group is chosen at random.
//
// # Store
//
// The connections are transport.Storers. The records of a broker are in memory,
// outlive the connections and end with the broker. No outcome is ever unknown.
//
// # Bounds
//
// What waits for one subscription is bounded by 64 MiB, as in the NATS client;
// 128 bytes are counted for each message beside its header and data, so that
// empty messages are bounded too. Beyond it messages for that subscription are
// lost, and the owner hears Dropped, once for each time that the bound is hit
// after room was there again. There is no link that could break, so no
// connection reports Cut.
//
// # What the caller owes
//
// Close on the broker or on each connection: a subscription has a goroutine,
// and so has a watch.
package loopback
