package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func recordCases() []testCase {
	return []testCase{
		{"are as they were put", recordsKept},
		{"belong to whoever reads them", recordsOwned},
		{"need the last revision to be replaced", recordsCompare},
		{"need the last revision to be deleted", recordsDelete},
		{"have revisions that grow", recordsGrow},
		{"are seen by everybody at once", recordsSeen},
		{"have keys within limits", recordsKeys},
		{"have values within limits", recordsValues},
		{"wait no longer than their context", recordsContext},
	}
}

func recordsKept(f *fixture) {
	r := f.records()
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, v := range []string{"text", "", string(every), "\xff\xfe", strings.Repeat("x", 100_000)} {
		key := f.subject(fmt.Sprint(i))
		r.expectNone(key)
		rev := r.put(key, v, 0)
		r.expect(key, v, rev)
		again := r.put(key, v+"!", rev)
		r.expect(key, v+"!", again)
	}
}

func recordsOwned(f *fixture) {
	r := f.records()
	value := []byte("value")
	rev, err := r.Put(f.ctx, f.subject("a"), value, 0, 0)
	if err != nil {
		f.Fatalf("Put() = %v, want nil", err)
	}
	copy(value, "XXXXX")
	e, err := r.Get(f.ctx, f.subject("a"))
	if err != nil {
		f.Fatalf("Get() = %v, want nil", err)
	}
	r.expect(f.subject("a"), "value", rev)
	copy(e.Value, "YYYYY")
	r.expect(f.subject("a"), "value", rev)
	one, other := r.watch(f.subject("w")), r.watch(f.subject("w"))
	r.put(f.subject("w.a"), "value", 0)
	for _, a := range []*audience{one, other} {
		a.await(map[string]string{f.subject("w.a"): "value"})
		for len(a.changes) > 0 {
			c := <-a.changes
			for i := range c.Entry.Value {
				c.Entry.Value[i] = 'Z'
			}
		}
	}
	if all, _ := r.list(f.subject("w")); all[f.subject("w.a")] != "value" {
		f.Errorf("List() = %v after a handler has changed its value, want it as it was stored", all)
	}
}

func recordsCompare(f *fixture) {
	r := f.records()
	key := f.subject("a")
	if _, err := r.Put(f.ctx, key, nil, 1<<40, 0); !errors.Is(err, transport.ErrConflict) {
		f.Errorf("Put() with a revision, of a key without record = %v, want ErrConflict", err)
	}
	r.expectNone(key)
	first := r.put(key, "1", 0)
	r.expectConflict(key, 0)
	r.expectConflict(key, first+1)
	second := r.put(key, "2", first)
	for _, last := range []transport.Revision{0, first, second + 1} {
		r.expectConflict(key, last)
	}
	r.expect(key, "2", second)
	// A neighbour does not count.
	other := r.put(f.subject("b"), "x", 0)
	r.expectConflict(key, other)
	r.put(key, "3", second)
}

func recordsDelete(f *fixture) {
	r := f.records()
	key := f.subject("a")
	r.expectNone(key)
	if err := r.Delete(f.ctx, key, 0); !errors.Is(err, transport.ErrConflict) {
		f.Errorf("Delete() of nothing, with 0 = %v, want ErrConflict", err)
	}
	if err := r.Delete(f.ctx, key, 1<<40); !errors.Is(err, transport.ErrConflict) {
		f.Errorf("Delete() of nothing, with a revision = %v, want ErrConflict", err)
	}
	first := r.put(key, "1", 0)
	r.expectConflict(key, 0)
	r.remove(key, first)
	r.expectNone(key)
	r.expectConflict(key, first)
	if err := r.Delete(f.ctx, key, 0); !errors.Is(err, transport.ErrConflict) {
		f.Errorf("Delete() of what is deleted, with 0 = %v, want ErrConflict", err)
	}
	for i := range 3 {
		rev := r.put(key, fmt.Sprint(i), 0)
		if rev <= first {
			f.Errorf("stored again with revision %d after %d, want a greater one", rev, first)
		}
		r.expectConflict(key, first)
		r.expect(key, fmt.Sprint(i), rev)
		r.remove(key, rev)
		first = rev
	}
	r.expectNone(key)
}

func recordsGrow(f *fixture) {
	one, other := f.records(), f.records()
	var last transport.Revision
	revs := map[int]transport.Revision{}
	for i := range 40 {
		r := one
		if i%3 == 0 {
			r = other
		}
		rev := r.put(f.subject(fmt.Sprint(i%4)), "x", revs[i%4])
		if rev <= last {
			f.Errorf("write %d has revision %d after %d, want a greater one", i, rev, last)
		}
		revs[i%4], last = rev, rev
	}
}

func recordsSeen(f *fixture) {
	all := []*records{f.records(), f.records(), f.records()}
	key := f.subject("a")
	var rev transport.Revision
	for i := range 100 {
		rev = all[i%3].put(key, fmt.Sprint(i), rev)
		for _, r := range all {
			r.expect(key, fmt.Sprint(i), rev)
		}
	}
	all[0].remove(key, rev)
	for _, r := range all {
		r.expectNone(key)
	}
}

func recordsKeys(f *fixture) {
	r := f.records()
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "a b", "a*", "*", ">", "a.>", "é", "a\x00", "a\n", "$a", "a:b", strings.Repeat("k", transport.MaxKey+1)} {
		for _, a := range r.attempts(bad) {
			if bad == "" && a.name == "List" {
				continue // all there is
			}
			if err := a.do(f.ctx); !errors.Is(err, transport.ErrKey) {
				f.Errorf("%s(%.80q) = %v, want ErrKey", a.name, bad, err)
			}
		}
		if bad == "" {
			continue
		}
		if w, err := r.Watch(bad, func(transport.Change) {}); !errors.Is(err, transport.ErrKey) || w != nil {
			f.Errorf("Watch(%.80q) = %v, %v, want nil, ErrKey", bad, w, err)
		}
	}
	long := f.subject("")
	long += strings.Repeat("k", transport.MaxKey-len(long))
	deep := f.prefix + strings.Repeat(".k", 30)
	a := r.watch(f.prefix)
	want := map[string]string{}
	for _, key := range []string{long, deep, f.subject("a"), f.subject("A"), f.subject("-_/=09azAZ"), f.subject("a.a"), f.subject("a.A")} {
		rev := r.put(key, key, 0)
		r.expect(key, key, rev)
		want[key] = key
	}
	a.await(want)
	if got, _ := r.list(f.prefix); len(got) != len(want) {
		f.Errorf("List() = %d records, want %d", len(got), len(want))
	}
}

func recordsValues(f *fixture) {
	c, s := f.storer()
	r := f.opened(s, storeName)
	limit := c.Features().MaxPayload
	if limit == 0 {
		return
	}
	key := f.subject("a")
	large := strings.Repeat("v", limit-transport.RecordOverhead)
	rev := r.lend(key, large, 0, time.Hour)
	r.expect(key, large, rev)
	for _, n := range []int{limit, limit + 1, 2 * limit} {
		if _, err := r.Put(f.ctx, key, make([]byte, n), rev, time.Hour); !errors.Is(err, transport.ErrTooLarge) {
			f.Errorf("Put() of %d bytes, where a message has at most %d = %v, want ErrTooLarge", n, limit, err)
		}
	}
	r.expect(key, large, rev)
	r.remove(key, rev)
	c.alive()
}

func recordsContext(f *fixture) {
	r := f.records()
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(f.ctx)
	cancel(why)
	for _, a := range r.attempts(f.subject("a")) {
		f.within(a.name+" with a context that has ended", func() {
			if err := a.do(ctx); !errors.Is(err, why) || !errors.Is(err, transport.ErrStoreUnavailable) {
				f.Errorf("%s() with a context that has ended = %v, want its cause and ErrStoreUnavailable", a.name, err)
			}
		})
	}
	r.expectNone(f.subject("a"))
	if _, err := r.Put(f.ctx, f.subject("a"), nil, 0, -time.Second); err == nil {
		f.Error("Put() for less than no time = nil, want an error")
	}
	r.expectNone(f.subject("a"))
}

func openingCases() []testCase {
	return []testCase{
		{"needs a name", func(f *fixture) {
			_, s := f.storer()
			for _, bad := range []string{"", "a.b", "a b", "*", ">", "é", "a/b", "a=", "a\n", strings.Repeat("n", transport.MaxStoreName+1)} {
				if st, err := s.OpenStore(f.ctx, transport.StoreConfig{Name: bad}); !errors.Is(err, transport.ErrKey) || st != nil {
					f.Errorf("OpenStore(%.80q) = %v, %v, want nil, ErrKey", bad, st, err)
				}
			}
		}},
		{"ends with its context", func(f *fixture) {
			_, s := f.storer()
			why := errors.New("why")
			ctx, cancel := context.WithCancelCause(f.ctx)
			cancel(why)
			if st, err := s.OpenStore(ctx, transport.StoreConfig{Name: storeName}); !errors.Is(err, why) || !errors.Is(err, transport.ErrStoreUnavailable) || st != nil {
				f.Errorf("OpenStore() with a context that has ended = %v, %v, want nil, its cause and ErrStoreUnavailable", st, err)
			}
		}},
		{"by many at once gives all the same records", openingTogether},
		{"keeps stores apart", openingApart},
	}
}

func openingTogether(f *fixture) {
	f = f.patient(3)
	name := strings.ToLower(f.prefix) + "-together"
	all := make([]*records, 6)
	var wg sync.WaitGroup
	for i := range all {
		_, s := f.storer()
		wg.Go(func() {
			st, err := s.OpenStore(f.ctx, transport.StoreConfig{Name: name, Memory: true})
			if err != nil {
				f.Errorf("OpenStore(%q) = %v, want nil", name, err)
				return
			}
			all[i] = &records{st, f}
		})
	}
	f.within("OpenStore by 6", wg.Wait)
	if f.Failed() {
		return
	}
	rev := all[0].put("a", "x", 0)
	for _, r := range all {
		r.expect("a", "x", rev)
	}
}

func openingApart(f *fixture) {
	f = f.patient(3)
	_, s := f.storer()
	r := f.opened(s, storeName)
	other := f.opened(s, strings.Repeat("n", transport.MaxStoreName-len(f.prefix))+f.prefix)
	key := f.subject("a")
	a := other.watch(f.prefix)
	rev := r.put(key, "here", 0)
	other.expectNone(key)
	a.expect(transport.Synced, "", "")
	there := other.put(key, "there", 0)
	a.expect(transport.Stored, key, "there")
	r.expect(key, "here", rev)
	other.expect(key, "there", there)
}

func rivalCases() []testCase {
	return []testCase{
		{"for one key: one of them wins", rivalsForOne},
		{"to make a record: one of them wins", rivalsToMake},
		{"for other keys are none", rivalsForOthers},
	}
}

func rivalsForOne(f *fixture) {
	f = f.patient(3)
	const writers, writes = 6, 15
	key := f.subject("count")
	f.records().put(key, "0", 0)
	var wg sync.WaitGroup
	var mu sync.Mutex
	winners := map[transport.Revision]int{} // by the revision that they replaced
	for w := range writers {
		r := f.records()
		wg.Go(func() {
			for done := 0; done < writes && f.ctx.Err() == nil; {
				e, err := r.Get(f.ctx, key)
				if err != nil {
					f.Errorf("Get() = %v, want nil", err)
					return
				}
				var n int
				if _, err := fmt.Sscan(string(e.Value), &n); err != nil {
					f.Errorf("the record holds %q, want a number", e.Value)
					return
				}
				_, err = r.Put(f.ctx, key, fmt.Append(nil, n+1), e.Revision, 0)
				switch {
				case err == nil:
					done++
					mu.Lock()
					if by, taken := winners[e.Revision]; taken {
						f.Errorf("revision %d was replaced by writers %d and %d, want one", e.Revision, by, w)
					}
					winners[e.Revision] = w
					mu.Unlock()
				case !errors.Is(err, transport.ErrConflict):
					f.Errorf("Put() = %v, want nil or ErrConflict", err)
					return
				}
			}
		})
	}
	f.within("all rivals", wg.Wait)
	e, err := f.records().Get(f.ctx, key)
	if want := fmt.Sprint(writers * writes); err != nil || string(e.Value) != want {
		f.Errorf("the record counts to %q, %v, want %s", e.Value, err, want)
	}
}

func rivalsToMake(f *fixture) {
	all := make([]*records, 6)
	for i := range all {
		all[i] = f.records()
	}
	for round := range 10 {
		key := f.subject(fmt.Sprint(round))
		var won atomic.Int64
		var wg sync.WaitGroup
		for _, r := range all {
			wg.Go(func() {
				switch _, err := r.Put(f.ctx, key, nil, 0, 0); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, transport.ErrConflict):
					f.Errorf("Put() = %v, want nil or ErrConflict", err)
				}
			})
		}
		f.within("all rivals", wg.Wait)
		if won.Load() != 1 {
			f.Errorf("%d of %d made the record, want 1", won.Load(), len(all))
		}
	}
}

func rivalsForOthers(f *fixture) {
	f = f.patient(3)
	const keys, writes = 40, 15
	all := []*records{f.records(), f.records(), f.records()}
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			r := all[k%len(all)]
			var rev transport.Revision
			for i := range writes {
				var err error
				if rev, err = r.Put(f.ctx, f.subject(fmt.Sprint(k)), fmt.Append(nil, i), rev, 0); err != nil {
					f.Errorf("write %d of %d keys at once: Put() = %v, want nil: nobody else writes there", i, keys, err)
					return
				}
			}
		})
	}
	f.within("all writers", wg.Wait)
}
