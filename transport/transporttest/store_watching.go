package transporttest

import (
	"fmt"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

func watchingCases() []testCase {
	return []testCase{
		{"begins with what is there", watchingSnapshot},
		{"goes on with what changes", watchingChanges},
		{"leaves out what lies between, and not the end", watchingSlow},
		{"keeps up with many writers", watchingMany},
		{"ends with Close, which waits for the handler", watchingClose},
		{"needs a handler", func(f *fixture) {
			if w, err := f.records().Watch(f.prefix, nil); err == nil || w != nil {
				f.Errorf("Watch() without a handler = %v, %v, want nil, an error", w, err)
			}
		}},
	}
}

func watchingSnapshot(f *fixture) {
	r, other := f.records(), f.records()
	empty := other.watch(f.subject("empty"))
	empty.expect(transport.Synced, "", "")
	want := map[string]string{}
	for i := range 20 {
		key := f.subject(fmt.Sprintf("p.%d", i))
		rev := r.put(key, "old", 0)
		if i%4 == 0 {
			r.remove(key, rev)
			continue
		}
		r.put(key, fmt.Sprint(i), rev)
		want[key] = fmt.Sprint(i)
	}
	r.put(f.subject("p"), "not under it", 0)
	r.put(f.subject("pp.x"), "not under it", 0)
	a := other.watch(f.subject("p"))
	got := map[string]bool{}
	for {
		c := wait(f, a.changes, "Synced")
		if c.Kind == transport.Synced {
			break
		}
		if key := c.Entry.Key; c.Kind != transport.Stored || want[key] != string(c.Entry.Value) || got[key] {
			f.Errorf("before Synced: %v %q %q, want each that is stored once", c.Kind, key, c.Entry.Value)
		}
		got[c.Entry.Key] = true
	}
	if len(got) != len(want) {
		f.Errorf("before Synced %d records were told, want %d", len(got), len(want))
	}
	if len(empty.changes) > 0 {
		f.Errorf("a watch where nothing is was told %v", <-empty.changes)
	}
}

func watchingChanges(f *fixture) {
	r, other := f.records(), f.records()
	a, b := r.watch(f.subject("p")), other.watch(f.subject("p.x"))
	a.expect(transport.Synced, "", "")
	b.expect(transport.Synced, "", "")
	in, out := f.subject("p.x.in"), f.subject("p.y")
	for i := range 20 {
		rev := r.put(in, fmt.Sprint(i), 0)
		if e := a.expect(transport.Stored, in, fmt.Sprint(i)); e.Revision != rev {
			f.Errorf("told of revision %d, want %d", e.Revision, rev)
		}
		b.expect(transport.Stored, in, fmt.Sprint(i))
		r.put(f.subject("p"), "not under it", 0)
		r.remove(f.subject("p"), last(r, f.subject("p")))
		rev = other.put(out, fmt.Sprint(i), 0)
		a.expect(transport.Stored, out, fmt.Sprint(i))
		other.remove(out, rev)
		a.expect(transport.Deleted, out, "")
		r.remove(in, last(r, in))
		a.expect(transport.Deleted, in, "")
		b.expect(transport.Deleted, in, "")
	}
}

// last returns the revision of what is there.
func last(r *records, key string) transport.Revision {
	r.f.Helper()
	e, err := r.Get(r.f.ctx, key)
	if err != nil {
		r.f.Fatalf("Get(%q) = %v, want nil", key, err)
	}
	return e.Revision
}

func watchingSlow(f *fixture) {
	f = f.patient(3)
	r := f.records()
	a := r.watch(f.prefix)
	slow := &audience{f: f, changes: make(chan transport.Change, 1<<16), view: map[string]string{}, seen: map[string]transport.Revision{}}
	g := f.gate()
	w, err := r.Watch(f.prefix, func(c transport.Change) {
		g.pass()
		slow.take(c)
	})
	if err != nil {
		f.Fatalf("Watch() = %v, want nil", err)
	}
	slow.Watcher = w
	// Its first change holds it up; all others come and go meanwhile.
	want := map[string]string{}
	for k := range 5 {
		key := f.subject(fmt.Sprint(k))
		var rev transport.Revision
		for i := range 20 {
			rev = r.put(key, fmt.Sprint(i), rev)
			want[key] = fmt.Sprint(i)
		}
		if k%2 == 0 {
			r.remove(key, rev)
			delete(want, key)
		}
	}
	a.await(want)
	g.open()
	slow.await(want)
	slow.untilSynced()
}

func watchingMany(f *fixture) {
	f = f.patient(3)
	r := f.records()
	early := r.watch(f.prefix)
	var wg sync.WaitGroup
	for w := range 4 {
		mine := f.records()
		wg.Go(func() {
			revs := map[string]transport.Revision{}
			for i := range 60 {
				key := f.subject(fmt.Sprintf("%d.%d", w, i*7%5))
				var err error
				if revs[key] > 0 && i%3 == 0 {
					err = mine.Delete(f.ctx, key, revs[key])
					revs[key] = 0
				} else {
					revs[key], err = mine.Put(f.ctx, key, fmt.Append(nil, i), revs[key], 0)
				}
				if err != nil {
					f.Errorf("write %d of writer %d = %v, want nil", i, w, err)
					return
				}
			}
		})
	}
	late := r.watch(f.prefix)
	f.within("all writers", wg.Wait)
	want, _ := r.list(f.prefix)
	for _, a := range []*audience{early, late} {
		a.await(want)
		a.untilSynced()
	}
}

func watchingClose(f *fixture) {
	r := f.records()
	g := f.gate()
	entered := make(chan struct{}, 100)
	w, err := r.Watch(f.prefix, func(transport.Change) {
		entered <- struct{}{}
		g.pass()
	})
	if err != nil {
		f.Fatalf("Watch() = %v, want nil", err)
	}
	wait(f, entered, "the handler")
	for i := range 10 {
		r.put(f.subject(fmt.Sprint(i)), "x", 0)
	}
	closed, began := make(chan error, 1), make(chan string, 1)
	go func() {
		began <- goroutineName()
		closed <- w.Close()
	}()
	name := wait(f, began, "a goroutine")
	f.eventually("Close to wait for the handler, or to end", func() bool { return len(closed) > 0 || isParked(name) })
	if len(closed) > 0 {
		f.Error("Close() has returned while the handler runs")
	}
	g.open()
	if err := wait(f, closed, "Close"); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
	n := len(entered)
	r.put(f.subject("late"), "x", 0)
	a := r.watch(f.prefix)
	a.untilSynced()
	f.yield()
	if len(entered) > n || n > 1 { // the first was taken out above
		f.Errorf("the handler was called %d times after Close, and %d times before it returned", len(entered)-n, n)
	}
	if err := w.Close(); err != nil {
		f.Errorf("second Close() = %v, want nil", err)
	}
}
