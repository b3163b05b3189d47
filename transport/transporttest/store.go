package transporttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func storeTopics() []topic {
	return []topic{
		{name: "records", cases: recordCases()},
		{name: "opening", cases: openingCases()},
		{name: "rivals", cases: rivalCases()},
		{name: "listing", cases: listingCases()},
		{name: "expiry", cases: expiryCases()},
		{name: "watching", cases: watchingCases()},
		{name: "closing", cases: closingCases()},
		{name: "outage", cases: outageCases(), unless: cannotBeCut, own: true},
	}
}

// RunStore checks that the connections of a fabric keep the promises of
// transport.Storer and transport.Store. It fails when they are none. It returns
// as Run does, and may be called beside it.
func RunStore(t *testing.T, open Open) {
	t.Helper()
	runTopics(t, open, storeTopics())
}

// records is a store with its owner.
type records struct {
	transport.Store
	f *fixture
}

// storer opens a connection and says that it keeps records.
func (f *fixture) storer() (*link, transport.Storer) {
	f.Helper()
	c := f.open()
	s, ok := c.Conn.(transport.Storer)
	if !ok {
		f.Fatalf("the connection is a %T, want a transport.Storer", c.Conn)
	}
	return c, s
}

// storeName is that of the store that all cases of a harness share: some
// fabrics make one with much ado, and the subjects keep the cases apart.
const storeName = "transporttest"

// records opens the store on a connection of its own.
func (f *fixture) records() *records {
	f.Helper()
	_, s := f.storer()
	return f.opened(s, storeName)
}

func (f *fixture) opened(s transport.Storer, name string) *records {
	f.Helper()
	st, err := s.OpenStore(f.ctx, transport.StoreConfig{Name: name})
	if err != nil {
		f.Fatalf("OpenStore(%q) = %v, want nil", name, err)
	}
	return &records{st, f}
}

// put stores what must fit.
func (r *records) put(key, value string, last transport.Revision) transport.Revision {
	r.f.Helper()
	return r.lend(key, value, last, 0)
}

// lend is put for a time.
func (r *records) lend(key, value string, last transport.Revision, ttl time.Duration) transport.Revision {
	r.f.Helper()
	rev, err := r.Put(r.f.ctx, key, []byte(value), last, ttl)
	if err != nil {
		r.f.Fatalf("Put(%.80q, last %d) = %v, want nil", key, last, err)
	}
	if rev <= last {
		r.f.Errorf("Put(%.80q, last %d) = revision %d, want a greater one", key, last, rev)
	}
	return rev
}

// remove deletes what must be there.
func (r *records) remove(key string, last transport.Revision) {
	r.f.Helper()
	if err := r.Delete(r.f.ctx, key, last); err != nil {
		r.f.Fatalf("Delete(%.80q, %d) = %v, want nil", key, last, err)
	}
}

// expect checks that key is as it should be.
func (r *records) expect(key, value string, rev transport.Revision) {
	r.f.Helper()
	e, err := r.Get(r.f.ctx, key)
	if err != nil || e.Key != key || string(e.Value) != value || e.Revision != rev {
		r.f.Errorf("Get(%.80q) = %.80q %.80q revision %d, %v, want %.80q revision %d", key, e.Key, e.Value, e.Revision, err, value, rev)
	}
}

func (r *records) expectNone(key string) {
	r.f.Helper()
	if e, err := r.Get(r.f.ctx, key); !errors.Is(err, transport.ErrNotFound) {
		r.f.Errorf("Get(%.80q) = %.80q revision %d, %v, want ErrNotFound", key, e.Value, e.Revision, err)
	}
}

// expectConflict checks that nothing is written with this revision.
func (r *records) expectConflict(key string, last transport.Revision) {
	r.f.Helper()
	if rev, err := r.Put(r.f.ctx, key, []byte("conflict"), last, 0); !errors.Is(err, transport.ErrConflict) {
		r.f.Errorf("Put(%.80q, last %d) = revision %d, %v, want ErrConflict", key, last, rev, err)
	}
	if err := r.Delete(r.f.ctx, key, last); !errors.Is(err, transport.ErrConflict) {
		r.f.Errorf("Delete(%.80q, %d) = %v, want ErrConflict", key, last, err)
	}
}

// until waits for key to have no record.
func (r *records) untilGone(key string) {
	r.f.Helper()
	r.f.eventually(fmt.Sprintf("the record of %q to go", key), func() bool {
		_, err := r.Get(r.f.ctx, key)
		return errors.Is(err, transport.ErrNotFound)
	})
}

// list returns what is stored, as key and value.
func (r *records) list(prefix string) (all map[string]string, keys []string) {
	r.f.Helper()
	all = map[string]string{}
	for e, err := range r.List(r.f.ctx, prefix) {
		if err != nil {
			r.f.Fatalf("List(%q) = %v, want no error", prefix, err)
		}
		all[e.Key] = string(e.Value)
		keys = append(keys, e.Key)
	}
	return all, keys
}

// audience is somebody who watches.
type audience struct {
	transport.Watcher
	f       *fixture
	changes chan transport.Change

	mu     sync.Mutex // guards what follows
	view   map[string]string
	seen   map[string]transport.Revision
	synced bool
}

// watch begins to watch, with a handler that hands over every change.
func (r *records) watch(prefix string) *audience {
	r.f.Helper()
	// Room for more than any case causes: the watch must not wait.
	a := &audience{f: r.f, changes: make(chan transport.Change, 1<<16), view: map[string]string{}, seen: map[string]transport.Revision{}}
	w, err := r.Watch(prefix, a.take)
	if err != nil {
		r.f.Fatalf("Watch(%q) = %v, want nil", prefix, err)
	}
	a.Watcher = w
	return a
}

// take checks what can be said of every change.
func (a *audience) take(c transport.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := c.Entry
	switch c.Kind {
	case transport.Synced:
		a.synced = true
	case transport.Stored, transport.Deleted:
		if e.Revision <= a.seen[e.Key] {
			a.f.Errorf("%v %q revision %d told after revision %d", c.Kind, e.Key, e.Revision, a.seen[e.Key])
		}
		a.seen[e.Key] = e.Revision
		_, known := a.view[e.Key]
		if c.Kind == transport.Stored {
			a.view[e.Key] = string(e.Value)
		} else {
			delete(a.view, e.Key)
		}
		if c.Kind == transport.Deleted && (!known || e.Value != nil) {
			a.f.Errorf("deleted %q with value %q, want it of what was told as stored, without value", e.Key, e.Value)
		}
	default:
		a.f.Errorf("change of kind %d, which is none", c.Kind)
	}
	a.changes <- c
}

// expect waits for the next change.
func (a *audience) expect(kind transport.ChangeKind, key, value string) transport.Entry {
	a.f.Helper()
	c := wait(a.f, a.changes, "the change %v %q", kind, key)
	if c.Kind != kind || c.Entry.Key != key || string(c.Entry.Value) != value {
		a.f.Fatalf("change = %v %q %.80q, want %v %q %.80q", c.Kind, c.Entry.Key, c.Entry.Value, kind, key, value)
	}
	return c.Entry
}

// await waits until the watch has told of exactly this.
func (a *audience) await(want map[string]string) {
	a.f.Helper()
	a.f.eventuallyOr("the watch to tell of everything", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return maps.Equal(a.view, want)
	}, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		return fmt.Sprintf("it has told of %v, want %v", a.view, want)
	})
}

// untilSynced waits until the watch has told all that was there.
func (a *audience) untilSynced() {
	a.f.Helper()
	a.f.eventually("Synced to be told", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.synced
	})
}

// attempt is one use of a store, and what it must not do when it fails.
type attempt struct {
	name string
	do   func(ctx context.Context) error
}

// attempts are all uses of r that may fail.
func (r *records) attempts(key string) []attempt {
	return []attempt{
		{"Get", func(ctx context.Context) error {
			_, err := r.Get(ctx, key)
			return err
		}},
		{"Put", func(ctx context.Context) error {
			_, err := r.Put(ctx, key, []byte("attempted"), 0, 0)
			return err
		}},
		{"Delete", func(ctx context.Context) error { return r.Delete(ctx, key, 1) }},
		{"List", func(ctx context.Context) error {
			for _, err := range r.List(ctx, key) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	}
}
