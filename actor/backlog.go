package actor

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// backlog keeps the answers that handlers gave while the connection was cut,
// and for a while after it is back: the broker drops what it has nobody for,
// and callers come back at moments of their own. So an answer of that time is
// sent several times, and until it is forgotten its call counts as in hand.
// Without it a call that outlived the cut would end with ErrWorkerLost although
// its work is done.
type backlog struct {
	n    *Node
	rest atomic.Int64 // the instant until which answers are kept; 0 usually

	mu    sync.Mutex // guards what follows
	kept  map[uint64]keptAnswer
	calls map[string]int // answers kept, by the key of their call
	last  uint64
	bytes int
}

type keptAnswer struct {
	key  string // of the call; empty for a foreign caller, who must not hear twice
	m    transport.Message
	sent bool // at least once
}

// backlogBytes bounds what is kept; answers beyond it are lost.
const backlogBytes = 16 << 20

// resends are the waits before each sending of what was kept, from when the
// connection is back. Together they are reconnectRest.
func resends() []time.Duration {
	return []time.Duration{0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond}
}

func newBacklog(n *Node) *backlog {
	return &backlog{n: n, kept: make(map[uint64]keptAnswer), calls: make(map[string]int)}
}

// answer publishes an answer to a call, and keeps it when that may not have
// reached the caller.
func (b *backlog) answer(key, subject, reply string, header transport.Header, body []byte) error {
	err := b.n.publish(subject, reply, header, body)
	rest := b.rest.Load()
	if err == nil && (rest == 0 || b.n.clock.now() > instant(rest) || key == "") {
		return nil
	}
	if err != nil && !errors.Is(err, transport.ErrDisconnected) {
		return err
	}
	size := len(subject) + len(body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes+size > backlogBytes {
		return err
	}
	b.last++
	b.bytes += size
	b.calls[key]++
	b.kept[b.last] = keptAnswer{
		key: key,
		// The body may be a handler's own slice.
		m:    transport.Message{Subject: subject, Reply: reply, Header: header, Data: bytes.Clone(body)},
		sent: err == nil,
	}
	return nil
}

// has says whether the answer to a call is kept.
func (b *backlog) has(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[key] > 0
}

// restored begins to send what was kept, now that the connection is back.
func (b *backlog) restored() {
	b.rest.Store(int64(b.n.clock.now().add(reconnectRest)))
	b.n.spawn(b.resend)
}

func (b *backlog) resend() {
	for _, wait := range resends() {
		select {
		case <-time.After(wait):
		case <-b.n.stop:
			return
		}
		b.sendAll()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, a := range b.kept {
		if a.sent { // the others wait for the connection to be back once more
			b.forgetLocked(id, a)
		}
	}
}

// sendAll sends everything that is kept once more, in the order of its making.
func (b *backlog) sendAll() {
	b.mu.Lock()
	ids := slices.Sorted(maps.Keys(b.kept))
	b.mu.Unlock()
	for _, id := range ids {
		b.mu.Lock()
		a, ok := b.kept[id]
		b.mu.Unlock()
		if !ok {
			continue
		}
		err := b.n.publish(a.m.Subject, a.m.Reply, a.m.Header, a.m.Data)
		b.mu.Lock()
		switch {
		case err == nil && a.key == "":
			b.forgetLocked(id, a)
		case err == nil:
			a.sent = true
			b.kept[id] = a
		case !errors.Is(err, transport.ErrDisconnected):
			b.forgetLocked(id, a)
			b.n.log.Warn("answer not sent", "subject", a.m.Subject, "err", err)
		}
		b.mu.Unlock()
	}
}

func (b *backlog) forgetLocked(id uint64, a keptAnswer) {
	if _, ok := b.kept[id]; !ok {
		return
	}
	delete(b.kept, id)
	b.bytes -= len(a.m.Subject) + len(a.m.Data)
	if b.calls[a.key]--; b.calls[a.key] == 0 {
		delete(b.calls, a.key)
	}
}
