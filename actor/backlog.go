package actor

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/atasks-io/atasks/transport"
)

// backlog keeps the answers that handlers gave while the connection was cut,
// until it is back. Without it a call that outlived the cut would end with
// ErrWorkerLost although its work is done.
type backlog struct {
	n        *Node
	restored atomic.Uint64 // how often the connection came back

	mu      sync.Mutex // guards what follows
	answers []transport.Message
	bytes   int
}

// backlogBytes bounds what is kept; answers beyond it are lost.
const backlogBytes = 16 << 20

// answer publishes an answer, or keeps it while the connection is cut.
func (b *backlog) answer(subject string, header transport.Header, body []byte) error {
	before := b.restored.Load()
	err := b.n.publish(subject, "", header, body)
	if !errors.Is(err, transport.ErrDisconnected) {
		return err
	}
	b.mu.Lock()
	size := len(subject) + len(body)
	if b.bytes+size > backlogBytes {
		b.mu.Unlock()
		return err
	}
	b.answers = append(b.answers, transport.Message{Subject: subject, Header: header, Data: body})
	b.bytes += size
	b.mu.Unlock()
	if b.restored.Load() != before { // and what was kept has been sent without this one
		b.send()
	}
	return nil
}

// send publishes what was kept, now that the connection is back. What fails
// once more is kept again.
func (b *backlog) send() {
	b.mu.Lock()
	answers := b.answers
	b.answers, b.bytes = nil, 0
	b.mu.Unlock()
	for _, m := range answers {
		if err := b.answer(m.Subject, m.Header, m.Data); err != nil {
			b.n.log.Warn("answer not sent", "subject", m.Subject, "err", err)
		}
	}
}
