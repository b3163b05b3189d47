// Package wire is the grammar of the protocol in docs/protocol.md, both ways:
// names, subjects, return addresses, frames, error codes and headers, to and
// from what a transport carries. It decides nothing; whatever does not parse
// is reported as such and never panics.
package wire
