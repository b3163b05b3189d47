package nats

import (
	"bytes"
	"net"
	"slices"
)

// pipe is a connection to a server in this process. Such a connection has no
// buffer: each side waits until the other has read. The client greets with two
// writes, and a server that refuses the credentials answers the first instead
// of reading the second, so both would wait for many seconds, and the answer
// would be lost. A pipe makes one write of the two.
type pipe struct {
	net.Conn

	// The client writes while it holds its lock, so these need none.
	greeting []byte // the first write, until the second comes
	greeted  bool
}

// Write implements net.Conn.
func (p *pipe) Write(b []byte) (int, error) {
	if p.greeted {
		return p.Conn.Write(b)
	}
	if p.greeting == nil && bytes.HasPrefix(b, []byte("CONNECT ")) {
		p.greeting = slices.Clone(b)
		return len(b), nil
	}
	all := append(p.greeting, b...)
	p.greeting, p.greeted = nil, true
	n, err := p.Conn.Write(all)
	return min(n, len(b)), err
}
