package transporttest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// fixture is what one case works with.
type fixture struct {
	*testing.T
	h      Harness
	ctx    context.Context // ends with the time that the case has
	prefix string          // of all subjects of the case
}

func newFixture(t *testing.T, h Harness) *fixture {
	t.Helper()
	f := &fixture{T: t, h: h, prefix: "tt-" + rand.Text()[:10]}
	return f.patient(1)
}

// patient returns f with so many times the usual time, from now on.
func (f *fixture) patient(times int) *fixture {
	limit := time.Duration(times) * limitOf(f.h)
	ctx, cancel := context.WithTimeoutCause(f.Context(), limit, fmt.Errorf("the case has had its %v", limit))
	f.Cleanup(cancel)
	return &fixture{T: f.T, h: f.h, ctx: ctx, prefix: f.prefix}
}

// subject returns a subject that only this case uses.
func (f *fixture) subject(s string) string { return f.prefix + "." + s }

// wait waits for ch, which stands for what.
func wait[T any](f *fixture, ch <-chan T, what string, args ...any) T {
	f.Helper()
	select {
	case v := <-ch:
		return v
	case <-f.ctx.Done():
		f.Fatalf("waiting for %s: %v", fmt.Sprintf(what, args...), context.Cause(f.ctx))
		var zero T
		return zero
	}
}

// within runs fn, which may hang, and waits for it.
func (f *fixture) within(what string, fn func()) {
	f.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	wait(f, done, "%s to return", what)
}

// eventually tries ok again and again until it is true.
func (f *fixture) eventually(what string, ok func() bool) {
	f.Helper()
	f.eventuallyOr(what, ok, func() string { return "" })
}

// eventuallyOr is eventually, with more to say when the time is over.
func (f *fixture) eventuallyOr(what string, ok func() bool, more func() string) {
	f.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			f.Fatalf("waiting for %s: %v\n%s", what, context.Cause(f.ctx), more())
		}
	}
}

// gate holds handlers up until it is opened, at the latest after the test, so
// that a case that fails leaves none stuck.
type gate struct {
	once   sync.Once
	opened chan struct{}
}

func (f *fixture) gate() *gate {
	g := &gate{opened: make(chan struct{})}
	f.Cleanup(g.open)
	return g
}

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

func (g *gate) pass() { <-g.opened }

// link is a connection with its owner.
type link struct {
	transport.Conn
	f      *fixture
	events chan transport.Event
}

// open returns a connection that is attached, and closed after the test.
func (f *fixture) open() *link {
	f.Helper()
	return f.attach(f.h.Open(f.T))
}

func (f *fixture) attach(c transport.Conn) *link {
	f.Helper()
	// Room for more events than any case causes: the transport must not wait.
	l := &link{Conn: c, f: f, events: make(chan transport.Event, 4096)}
	f.Cleanup(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Close()
		}()
		// The context of the fixture may be over here.
		select {
		case <-done:
		case <-time.After(limitOf(f.h)):
			f.Errorf("Close() after the test has not returned within %v", limitOf(f.h))
		}
	})
	if err := c.Attach(func(e transport.Event) { l.events <- e }); err != nil {
		f.Fatalf("Attach() = %v, want nil", err)
	}
	return l
}

// publish publishes m, which must be accepted.
func (l *link) publish(m *transport.Message) {
	l.f.Helper()
	if err := l.Publish(l.f.ctx, m); err != nil {
		l.f.Fatalf("Publish(%.80q) = %v, want nil", m.Subject, err)
	}
}

// send publishes data.
func (l *link) send(subject, data string) {
	l.f.Helper()
	l.publish(&transport.Message{Subject: subject, Data: []byte(data)})
}

// ask publishes data and says where answers go.
func (l *link) ask(subject, reply, data string) {
	l.f.Helper()
	l.publish(&transport.Message{Subject: subject, Reply: reply, Data: []byte(data)})
}

func (l *link) flush() {
	l.f.Helper()
	if err := l.Flush(l.f.ctx); err != nil {
		l.f.Fatalf("Flush() = %v, want nil", err)
	}
}

// handle subscribes, and does not flush.
func (l *link) handle(subject, group string, handler func(*transport.Message)) transport.Subscription {
	l.f.Helper()
	s, err := l.Subscribe(subject, group, handler)
	if err != nil {
		l.f.Fatalf("Subscribe(%.80q, %q) = %v, want nil", subject, group, err)
	}
	return s
}

// event waits for the next event, which must be of this kind.
func (l *link) event(kind transport.EventKind) transport.Event {
	l.f.Helper()
	e := wait(l.f, l.events, "the event %v", kind)
	if e.Kind != kind {
		l.f.Fatalf("event = %v %q %v, want %v", e.Kind, e.Subject, e.Err, kind)
	}
	return e
}

// settle returns when what the given connections have subscribed to so far is
// known wherever l publishes. On a fabric of several servers Flush cannot
// promise that; but news of one connection spread in order, so the last one
// brings the others.
func (l *link) settle(subscribers ...*link) {
	l.f.Helper()
	for i, s := range subscribers {
		subject := l.f.prefix + "-settle." + rand.Text()[:10] // no pattern of a case matches it
		seen := make(chan struct{}, 1)
		sub := s.handle(subject, "", func(*transport.Message) {
			select {
			case seen <- struct{}{}:
			default:
			}
		})
		s.flush()
		l.f.eventually(fmt.Sprintf("interest of connection %d to spread", i), func() bool {
			l.send(subject, "")
			l.flush()
			select {
			case <-seen:
				return true
			default:
				return false
			}
		})
		if err := sub.Close(); err != nil {
			l.f.Fatalf("Close() of a subscription = %v, want nil", err)
		}
	}
}

// untilWithdrawn returns when nobody listens to subject any more, as far as l
// is concerned. Until then it publishes messages without data.
func (l *link) untilWithdrawn(subject string) {
	l.f.Helper()
	reply := l.f.prefix + "-withdrawn." + rand.Text()[:10]
	in := l.inbox(reply, "")
	l.f.eventually(fmt.Sprintf("the interest in %q to be withdrawn", subject), func() bool {
		l.ask(subject, reply, "")
		l.flush()
		return len(in.got) > 0
	})
	in.expectNoResponders(reply)
}
