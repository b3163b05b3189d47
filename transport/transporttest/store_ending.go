package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func closingCases() []testCase {
	return []testCase{
		{"a store ends its watches, and keeps its records", closingStore},
		{"a connection ends its stores", closingConnection},
		{"a connection that drains ends its stores", closingDrain},
		{"leaves no goroutine", closingLeavesNoGoroutine},
	}
}

// expectClosed checks what a closed store answers.
func (r *records) expectClosed() {
	r.f.Helper()
	for _, a := range r.attempts(r.f.subject("a")) {
		if err := a.do(r.f.ctx); !errors.Is(err, transport.ErrClosed) {
			r.f.Errorf("%s() when closed = %v, want ErrClosed", a.name, err)
		}
	}
	if w, err := r.Watch(r.f.prefix, func(transport.Change) {}); !errors.Is(err, transport.ErrClosed) || w != nil {
		r.f.Errorf("Watch() when closed = %v, %v, want nil, ErrClosed", w, err)
	}
	if err := r.Close(); err != nil {
		r.f.Errorf("Close() when closed = %v, want nil", err)
	}
}

func closingStore(f *fixture) {
	c, s := f.storer()
	r, other := f.opened(s, storeName), f.opened(s, storeName)
	a, b := r.watch(f.prefix), other.watch(f.prefix)
	rev := r.put(f.subject("a"), "x", 0)
	b.await(map[string]string{f.subject("a"): "x"})
	f.within("Close", func() {
		if err := r.Close(); err != nil {
			f.Errorf("Close() = %v, want nil", err)
		}
	})
	n := len(a.changes)
	r.expectClosed()
	other.put(f.subject("a"), "y", rev)
	b.await(map[string]string{f.subject("a"): "y"})
	if len(a.changes) > n {
		f.Errorf("a watch of a closed store was told %d changes", len(a.changes)-n)
	}
	if err := a.Close(); err != nil {
		f.Errorf("Close() of its watch = %v, want nil", err)
	}
	c.alive()
}

func closingConnection(f *fixture) {
	closingWith(f, func(c *link) error { return c.Close() })
}

func closingDrain(f *fixture) {
	closingWith(f, func(c *link) error { return c.Drain(f.ctx) })
}

func closingWith(f *fixture, end func(c *link) error) {
	c, s := f.storer()
	r := f.opened(s, storeName)
	a := r.watch(f.prefix)
	rev := r.put(f.subject("a"), "x", 0)
	a.await(map[string]string{f.subject("a"): "x"})
	f.within("the end of the connection", func() {
		if err := end(c); err != nil {
			f.Errorf("the end of the connection = %v, want nil", err)
		}
	})
	n := len(a.changes)
	r.expectClosed()
	if st, err := s.OpenStore(f.ctx, transport.StoreConfig{Name: storeName}); !errors.Is(err, transport.ErrClosed) || st != nil {
		f.Errorf("OpenStore() on a closed connection = %v, %v, want nil, ErrClosed", st, err)
	}
	other := f.records()
	other.expect(f.subject("a"), "x", rev)
	other.put(f.subject("a"), "y", rev)
	if len(a.changes) > n {
		f.Errorf("a watch of a closed connection was told %d changes", len(a.changes)-n)
	}
}

func closingLeavesNoGoroutine(f *fixture) {
	f.expectNoLeak(func(ctx context.Context) {
		c := f.h.Open(f.T)
		s, ok := c.(transport.Storer)
		if !ok {
			f.Fatalf("the connection is a %T, want a transport.Storer", c)
		}
		if err := c.Attach(func(transport.Event) {}); err != nil {
			f.Fatalf("Attach() = %v, want nil", err)
		}
		for i := range 3 {
			st, err := s.OpenStore(ctx, transport.StoreConfig{Name: storeName})
			if err != nil {
				f.Fatalf("OpenStore() = %v, want nil", err)
			}
			r := &records{st, f}
			a := r.watch(f.prefix)
			r.put(f.subject(fmt.Sprint(i)), "x", 0)
			wait(f, a.changes, "a change")
			r.list(f.prefix)
			if i == 0 {
				f.within("Close of a watch", func() { a.Close() })
			}
			if i == 1 {
				f.within("Close of a store", func() { r.Close() })
			}
		}
		f.within("Close of a connection", func() {
			if err := c.Close(); err != nil {
				f.Errorf("Close() = %v, want nil", err)
			}
		})
	})
}

func outageCases() []testCase {
	return []testCase{
		{"fails at once, and writes nothing", outageFails},
		{"a watch goes on after it", outageWatch},
		{"a watch may begin meanwhile", outageBegin},
		{"may be the time to close", outageClose},
	}
}

func outageFails(f *fixture) {
	f = f.patient(3)
	c, s := f.storer()
	r := f.opened(s, storeName)
	rev := r.put(f.subject("kept"), "x", 0)
	f.cut(c)
	for _, a := range r.attempts(f.subject("a")) {
		f.within(a.name+" during a cut", func() {
			if err := a.do(f.ctx); !errors.Is(err, transport.ErrStoreUnavailable) {
				f.Errorf("%s() during a cut = %v, want ErrStoreUnavailable", a.name, err)
			}
		})
	}
	f.within("OpenStore during a cut", func() {
		ctx, cancel := context.WithTimeout(f.ctx, 50*time.Millisecond)
		defer cancel()
		if st, err := s.OpenStore(ctx, transport.StoreConfig{Name: storeName}); !errors.Is(err, transport.ErrStoreUnavailable) || st != nil {
			f.Errorf("OpenStore() during a cut = %v, %v, want nil, ErrStoreUnavailable", st, err)
		}
	})
	f.heal(c)
	r.expectNone(f.subject("a"))
	r.expect(f.subject("kept"), "x", rev)
	r.put(f.subject("a"), "x", 0)
}

func outageWatch(f *fixture) {
	f = f.patient(3)
	c, s := f.storer()
	other, t := f.storer()
	r, writer := f.opened(s, storeName), f.opened(t, storeName)
	a := r.watch(f.prefix)
	a.untilSynced()
	kept := writer.put(f.subject("kept"), "x", 0)
	deleted := writer.put(f.subject("deleted"), "x", 0)
	writer.lend(f.subject("lent"), "x", 0, transport.MinTTL)
	a.await(map[string]string{f.subject("kept"): "x", f.subject("deleted"): "x", f.subject("lent"): "x"})
	f.cut(c, other)
	f.heal(c, other)
	writer.remove(f.subject("deleted"), deleted)
	writer.put(f.subject("kept"), "y", kept)
	// What has expired in the cut, or expires after it, is told as well.
	want := map[string]string{f.subject("kept"): "y"}
	a.await(want)
	for i := range 3 {
		f.cut(c, other)
		f.heal(c, other)
		key := f.subject(strings.Repeat("n", i+1))
		writer.put(key, "new", 0)
		want[key] = "new"
		a.await(want)
	}
}

func outageBegin(f *fixture) {
	f = f.patient(3)
	c, s := f.storer()
	r := f.opened(s, storeName)
	r.put(f.subject("a"), "x", 0)
	f.cut(c)
	var a *audience
	f.within("Watch during a cut", func() { a = r.watch(f.prefix) })
	f.heal(c)
	a.await(map[string]string{f.subject("a"): "x"})
	a.untilSynced()
}

func outageClose(f *fixture) {
	f = f.patient(3)
	c, s := f.storer()
	r := f.opened(s, storeName)
	a, b := r.watch(f.prefix), r.watch(f.prefix)
	a.untilSynced()
	b.untilSynced()
	f.cut(c)
	f.within("Close during a cut", func() {
		if err := errors.Join(a.Close(), r.Close(), b.Close()); err != nil {
			f.Errorf("Close() during a cut = %v, want nil", err)
		}
	})
	f.heal(c)
	c.alive()
}
