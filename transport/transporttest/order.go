package transporttest

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

func orderCases() []testCase {
	return []testCase{
		{"of one publisher is kept", func(f *fixture) {
			c := f.open()
			orderOfOne(f, c, c, f.subject("a"), "")
		}},
		{"of one publisher is kept between connections", func(f *fixture) {
			orderOfOne(f, f.open(), f.open(), f.subject("a"), "")
		}},
		{"of one publisher is kept for the only member of a group", func(f *fixture) {
			orderOfOne(f, f.open(), f.open(), f.subject("a"), "g")
		}},
		{"is kept across the subjects of a wildcard", func(f *fixture) {
			c := f.open()
			orderOfOne(f, c, c, f.subject("*.x"), "")
		}},
		{"of each of several publishers is kept", orderOfSeveral},
	}
}

// numbered returns a message of changing size, and now and then with a header,
// since transports tend to treat these differently.
func numbered(subject string, publisher, i int) *transport.Message {
	m := &transport.Message{Subject: subject, Data: make([]byte, 8+(i%7)*(i%7)*300)}
	binary.BigEndian.PutUint32(m.Data, uint32(publisher))
	binary.BigEndian.PutUint32(m.Data[4:], uint32(i))
	if i%5 == 0 {
		m.Header = transport.Header{"K": {"v"}}
	}
	return m
}

// sequence checks that n messages of each publisher come in order.
type sequence struct {
	f    *fixture
	n    int
	next []int // by publisher; used by the handler only
	left int
	done chan struct{}
}

func newSequence(f *fixture, publishers, n int) *sequence {
	return &sequence{f: f, n: n, next: make([]int, publishers), left: publishers * n, done: make(chan struct{})}
}

func (s *sequence) handle(m *transport.Message) {
	p, i := int(binary.BigEndian.Uint32(m.Data)), int(binary.BigEndian.Uint32(m.Data[4:]))
	if i != s.next[p] {
		s.f.Errorf("message %d of publisher %d came where %d was due", i, p, s.next[p])
	}
	s.next[p] = i + 1
	if s.left--; s.left == 0 {
		close(s.done)
	}
}

func orderOfOne(f *fixture, from, to *link, subject, group string) {
	const n = 2000
	seq := newSequence(f, 1, n)
	to.handle(subject, group, seq.handle)
	to.flush()
	from.settle(to)
	for i := range n {
		s := subject
		if s == f.subject("*.x") {
			s = f.subject(fmt.Sprintf("%d.x", i%13))
		}
		from.publish(numbered(s, 0, i))
	}
	wait(f, seq.done, "%d messages", n)
}

func orderOfSeveral(f *fixture) {
	const publishers, n = 4, 500
	to, other := f.open(), f.open()
	seq := newSequence(f, publishers, n)
	to.handle(f.subject("a"), "", seq.handle)
	to.flush()
	other.settle(to)
	var wg sync.WaitGroup
	for p := range publishers {
		from := to
		if p%2 == 0 {
			from = other
		}
		wg.Go(func() {
			for i := range n {
				if err := from.Publish(f.ctx, numbered(f.subject("a"), p, i)); err != nil {
					f.Errorf("Publish() = %v, want nil", err)
					return
				}
			}
		})
	}
	wg.Wait()
	wait(f, seq.done, "%d messages", publishers*n)
}
