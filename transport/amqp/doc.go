// Package amqp carries messages over RabbitMQ, 3.10 or later, with
// github.com/rabbitmq/amqp091-go:
//
//	conn, err := amqp.Connect(ctx, "amqp://user:password@127.0.0.1:5672")
//	node, err := actor.Start(ctx, conn, actor.Config{})
//
// # What is made at the broker
//
// A topic exchange, "atasks", and one for subjects that are longer than a
// routing key may be, "atasks.long": both durable, and only made where they are
// missing. A queue for each connection, exclusive, which receives what its
// subscriptions without a group match. A queue for each group and subject, which
// all its members consume from and which goes with the last of them, so that
// absence shows. Messages are never kept on disk.
//
// A user needs the permissions configure, write and read for names that begin
// with the exchange's; to answer clients that know nothing of this library,
// also write for amq.default. Topic permissions on the exchange restrict
// subjects, whose tokens are words of the routing key.
//
// # What Connect sets
//
// A broker that is frozen, or behind a link that has gone silent, is noticed
// after 9 seconds; one that has died at once. The connection is restored for
// ever, at first within 100 ms and then at random moments up to 2 seconds
// apart; of several URLs each is tried in turn. While it is cut nothing is kept:
// Publish and Flush fail at once with transport.ErrDisconnected. What Publish
// had accepted within the last moments before a cut may be lost. When a broker
// takes no messages, because it is short of memory or disk, Publish waits, and
// after a second the connection counts as cut until the broker is well.
//
// # What the fabric guarantees
//
// Messages without a group are delivered at most once. A member of a group
// acknowledges what its handler has returned from; what a member that is lost
// had not acknowledged goes to another one with Message.Redelivered set, so the
// group decides whether to handle it twice. When the broker refuses a message
// for want of permission it closes a channel, and what was published within
// the same moment is lost.
//
// # Errors
//
// Whatever Connect says names what was attempted, on which address, and what to
// do. User names and passwords appear in no error and in no log line.
package amqp
