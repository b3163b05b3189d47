package transporttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func listingCases() []testCase {
	return []testCase{
		{"yields what is under a prefix, in order", listingPrefix},
		{"yields many", listingMany},
		{"ends when nobody wants more", listingBreak},
	}
}

func listingPrefix(f *fixture) {
	r := f.records()
	if all, _ := r.list(f.subject("nothing")); len(all) > 0 {
		f.Errorf("List() where nothing is = %v, want nothing", all)
	}
	want := []string{"p.a", "p.a.b", "p.b", "p.c.d.e"}
	for _, k := range []string{"p.c.d.e", "p.b", "p", "pp.a", "p-.a", "q.a", "p.a", "p.a.b"} {
		r.put(f.subject(k), k, 0)
	}
	r.remove(f.subject("p.gone"), r.put(f.subject("p.gone"), "x", 0))
	all, keys := r.list(f.subject("p"))
	for i := range want {
		want[i] = f.subject(want[i])
	}
	if !slices.Equal(keys, want) {
		f.Errorf("List(%q) = %q, want %q", f.subject("p"), keys, want)
	}
	for k, v := range all {
		if k != f.subject(v) {
			f.Errorf("List() has %q under %q, want what was stored there", v, k)
		}
	}
	if all, _ := r.list(""); len(all) < len(want)+4 {
		f.Errorf("List(\"\") = %d records, want all", len(all))
	}
}

func listingMany(f *fixture) {
	f = f.patient(3)
	const n = 300
	r := f.records()
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := w; i < n; i += 10 {
				if _, err := r.Put(f.ctx, f.subject(fmt.Sprint(i)), fmt.Append(nil, i), 0, 0); err != nil {
					f.Errorf("Put() = %v, want nil", err)
				}
			}
		})
	}
	f.within("all writers", wg.Wait)
	all, keys := r.list(f.prefix)
	if len(keys) != n || len(all) != n || !slices.IsSorted(keys) {
		f.Errorf("List() = %d records of %d keys, in order: %v; want %d once each, in order", len(keys), len(all), slices.IsSorted(keys), n)
	}
}

func listingBreak(f *fixture) {
	r := f.records()
	for i := range 20 {
		r.put(f.subject(fmt.Sprint(i)), "x", 0)
	}
	n := 0
	for _, err := range r.List(f.ctx, f.prefix) {
		if err != nil {
			f.Fatalf("List() = %v, want no error", err)
		}
		if n++; n == 3 {
			break
		}
	}
	ctx, cancel := context.WithCancelCause(f.ctx)
	why := errors.New("why")
	defer cancel(why)
	var last error
	for _, err := range r.List(ctx, f.prefix) {
		cancel(why)
		last = err
	}
	if last != nil && !errors.Is(last, why) {
		f.Errorf("List() whose context ends = %v, want its cause, or all of it", last)
	}
	r.put(f.subject("on"), "x", 0)
}

func expiryCases() []testCase {
	return []testCase{
		{"comes after the time, and not before", expiryComes},
		{"is put off by the next Put", expiryRenewed},
		{"is called off by a Put without", expiryCalledOff},
		{"refuses who comes late", expiryRefuses},
	}
}

func expiryComes(f *fixture) {
	f = f.patient(3)
	r, other := f.records(), f.records()
	a := other.watch(f.prefix)
	a.expect(transport.Synced, "", "")
	key := f.subject("a")
	began := time.Now()
	r.lend(key, "x", 0, transport.MinTTL)
	stored := a.expect(transport.Stored, key, "x")
	gone := a.expect(transport.Deleted, key, "")
	if d := time.Since(began); d < transport.MinTTL {
		f.Errorf("a record that was to last %v has gone after %v", transport.MinTTL, d)
	}
	if gone.Revision <= stored.Revision {
		f.Errorf("it has gone with revision %d after %d, want a greater one", gone.Revision, stored.Revision)
	}
	r.expectNone(key)
	if all, _ := other.list(f.prefix); len(all) > 0 {
		f.Errorf("List() = %v after it has expired, want nothing", all)
	}
	rev := r.put(key, "again", 0)
	a.expect(transport.Stored, key, "again")
	other.expect(key, "again", rev)
}

func expiryRenewed(f *fixture) {
	f = f.patient(3)
	r := f.records()
	key := f.subject("a")
	// As a node does that lives: what is renewed outlives its first time.
	const ttl = 2 * time.Second
	rev := r.lend(key, "0", 0, ttl)
	began := time.Now()
	tick := time.NewTicker(ttl / 8)
	defer tick.Stop()
	for i := 1; time.Since(began) < 2*ttl; i++ {
		wait(f, tick.C, "a tick")
		rev = r.lend(key, fmt.Sprint(i), rev, ttl)
	}
	renewed := time.Now()
	r.untilGone(key)
	if d := time.Since(renewed); d < ttl-ttl/8 {
		f.Errorf("it has gone %v after it was renewed for %v", d, ttl)
	}
}

func expiryCalledOff(f *fixture) {
	f = f.patient(3)
	r := f.records()
	rev := r.put(f.subject("a"), "x", r.lend(f.subject("a"), "x", 0, transport.MinTTL))
	del := r.lend(f.subject("c"), "x", 0, transport.MinTTL)
	r.remove(f.subject("c"), del)
	again := r.put(f.subject("c"), "again", 0)
	// What is put later, for longer, goes later.
	r.lend(f.subject("b"), "x", 0, transport.MinTTL+500*time.Millisecond) // rounded up
	r.untilGone(f.subject("b"))
	r.expect(f.subject("a"), "x", rev)
	r.expect(f.subject("c"), "again", again)
}

func expiryRefuses(f *fixture) {
	f = f.patient(3)
	r := f.records()
	key := f.subject("a")
	rev := r.lend(key, "x", 0, transport.MinTTL)
	r.untilGone(key)
	r.expectConflict(key, rev)
	next := r.put(key, "other", 0)
	r.expectConflict(key, rev)
	r.expect(key, "other", next)
}
