// Package transport is the seam between the runtime and a message fabric: a
// transport moves a subject, headers and bytes. It does not know what a call
// is. Request and reply, liveness, cancellation and retries belong to the
// runtime and are written once, above this seam.
//
// [Conn] is the one interface that outsiders implement. What every
// implementation must do is tested by package transporttest; what only some
// can do is a small extra interface that the runtime finds by assertion.
//
// One of these is [Storer]: a fabric that keeps records beside messages, each
// with a revision that a writer must know to replace it, if need be for a time
// only, and watched by whoever wants to know.
//
// # Subjects
//
// A subject is one or more tokens separated by dots. In the subject of a
// subscription, "*" stands for exactly one token and a final ">" for one or
// more. The subject of a message is literal and at most [MaxSubject] bytes.
package transport
