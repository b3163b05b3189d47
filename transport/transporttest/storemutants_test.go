package transporttest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func storeMutants() []mutant {
	return []mutant{
		{name: "replaces whatever is there", caught: "records/need the last revision to be replaced", store: replaceAnything},
		{name: "compares first and sets later", caught: "rivals/for one key: one of them wins", store: compareThenSet},
		{name: "deletes whatever is there", caught: "records/need the last revision to be deleted", store: deleteAnything},
		{name: "calls a conflict a success", caught: "rivals/to make a record: one of them wins", store: swallowPut(transport.ErrConflict)},
		{name: "reads from a copy that lags", caught: "records/are seen by everybody at once", store: readOld},
		{name: "gives all watches one value", caught: "records/belong to whoever reads them", store: shareValues()},
		{name: "takes any key", caught: "records/have keys within limits", store: swallowPut(transport.ErrKey)},
		{name: "takes any value", caught: "records/have values within limits", store: swallowPut(transport.ErrTooLarge)},
		{name: "does not look at the context", caught: "records/wait no longer than their context", store: ignoreContext},
		{name: "keeps what should expire", caught: "expiry/comes after the time, and not before", store: onTTL(func(time.Duration) time.Duration { return 0 })},
		{name: "lets records expire early", caught: "expiry/comes after the time, and not before", store: expireAfter(time.Second / 2)},
		{name: "does not renew", caught: "expiry/is put off by the next Put", store: expireAfter(2 * time.Second)},
		{name: "keeps the time of before", caught: "expiry/is called off by a Put without", store: expireAnyway},
		{name: "tells nothing of what is there", caught: "watching/begins with what is there", store: skipSnapshot},
		{name: "never says that it has told all", caught: "watching/begins with what is there", store: leaveOut(transport.Synced)},
		{name: "does not tell what was deleted", caught: "watching/goes on with what changes", store: leaveOut(transport.Deleted)},
		{name: "tells everything twice", caught: "watching/goes on with what changes", store: tellTwice},
		{name: "loses what a slow handler has no time for", caught: "watching/leaves out what lies between, and not the end", store: loseWhenSlow},
		{name: "does not wait for the handler", caught: "watching/ends with Close, which waits for the handler", store: closeWatchLater},
		{name: "takes a prefix for bytes", caught: "listing/yields what is under a prefix, in order", store: listBytes},
		{name: "lists in any order", caught: "listing/yields many", store: listBackwards},
		{name: "says something else when its store is closed", caught: "closing/a store ends its watches, and keeps its records", store: vagueGet},
		{name: "leaves a goroutine for each watch", caught: "closing/leaves no goroutine", store: leakWatch},
		{name: "has one store for all names", caught: "opening/keeps stores apart", store: func(b *brokenStore) { b.name = "one" }},
		{name: "pretends to write in a cut", caught: "outage/fails at once, and writes nothing", store: swallowPut(transport.ErrStoreUnavailable)},
		{name: "forgets watches in a cut", caught: "outage/a watch goes on after it", forgets: true},
	}
}

// brokenStore is a store some of whose methods have been replaced. It fails
// while its connection is cut.
type brokenStore struct {
	inner transport.Store
	conn  *cuttable
	name  string

	get   func(ctx context.Context, key string) (transport.Entry, error)
	put   func(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error)
	del   func(ctx context.Context, key string, last transport.Revision) error
	list  func(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error]
	watch func(prefix string, handler func(transport.Change)) (transport.Watcher, error)
}

func (c *cuttable) OpenStore(ctx context.Context, cfg transport.StoreConfig) (transport.Store, error) {
	if c.isCut() {
		return nil, transport.ErrStoreUnavailable
	}
	b := &brokenStore{conn: c}
	if m := c.fabric.mutant; m.store != nil {
		m.store(b) // for the name
	}
	if b.name != "" {
		cfg.Name = b.name
	}
	cfg.Schedules = cfg.Schedules || c.fabric.mutant.unasked
	s, err := c.Conn.(transport.Storer).OpenStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	*b = brokenStore{inner: s, conn: c, get: s.Get, del: s.Delete, list: s.List, watch: s.Watch}
	b.put = b.innerPut
	if m := c.fabric.mutant; m.store != nil {
		m.store(b)
	}
	if sc, ok := s.(transport.Scheduler); ok {
		return newBrokenScheduler(b, sc, c.fabric.mutant), nil
	}
	return b, nil
}

func (b *brokenStore) reach() error {
	if b.conn.isCut() {
		return transport.ErrStoreUnavailable
	}
	return nil
}

func (b *brokenStore) Get(ctx context.Context, key string) (transport.Entry, error) {
	if err := b.reach(); err != nil {
		return transport.Entry{}, err
	}
	return b.get(ctx, key)
}

func (b *brokenStore) Put(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
	return b.put(ctx, key, value, last, ttl)
}

func (b *brokenStore) Delete(ctx context.Context, key string, last transport.Revision) error {
	if err := b.reach(); err != nil {
		return err
	}
	return b.del(ctx, key, last)
}

func (b *brokenStore) List(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error] {
	if err := b.reach(); err != nil {
		return func(yield func(transport.Entry, error) bool) { yield(transport.Entry{}, err) }
	}
	return b.list(ctx, prefix)
}

func (b *brokenStore) Watch(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
	w, err := b.watch(prefix, handler)
	if err == nil {
		b.conn.mu.Lock()
		defer b.conn.mu.Unlock()
		b.conn.watches = append(b.conn.watches, w)
	}
	return w, err
}

func (b *brokenStore) Close() error { return b.inner.Close() }

// innerPut is the Put that keeps its promises.
func (b *brokenStore) innerPut(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
	if err := b.reach(); err != nil {
		return 0, err
	}
	return b.inner.Put(ctx, key, value, last, ttl)
}

// current is the revision that key has.
func (b *brokenStore) current(ctx context.Context, key string) transport.Revision {
	e, err := b.inner.Get(ctx, key)
	if err != nil {
		return 0
	}
	return e.Revision
}

func replaceAnything(b *brokenStore) {
	b.put = func(ctx context.Context, key string, value []byte, _ transport.Revision, ttl time.Duration) (transport.Revision, error) {
		return b.innerPut(ctx, key, value, b.current(ctx, key), ttl)
	}
}

func compareThenSet(b *brokenStore) {
	b.put = func(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
		if b.current(ctx, key) != last {
			return 0, transport.ErrConflict
		}
		<-time.After(time.Millisecond)
		for {
			rev, err := b.innerPut(ctx, key, value, b.current(ctx, key), ttl)
			if !errors.Is(err, transport.ErrConflict) {
				return rev, err
			}
		}
	}
}

func deleteAnything(b *brokenStore) {
	b.del = func(ctx context.Context, key string, _ transport.Revision) error {
		return b.inner.Delete(ctx, key, b.current(ctx, key))
	}
}

func swallowPut(target error) func(b *brokenStore) {
	return func(b *brokenStore) {
		b.put = func(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
			rev, err := b.innerPut(ctx, key, value, last, ttl)
			if errors.Is(err, target) {
				return last + 1, nil
			}
			return rev, err
		}
	}
}

func readOld(b *brokenStore) {
	var mu sync.Mutex
	copies := map[string]transport.Entry{}
	b.get = func(ctx context.Context, key string) (transport.Entry, error) {
		e, err := b.inner.Get(ctx, key)
		mu.Lock()
		defer mu.Unlock()
		old, known := copies[key]
		copies[key] = e
		if known && err == nil {
			return old, nil
		}
		return e, err
	}
}

// onWatch gives each watch another handler.
func onWatch(b *brokenStore, change func(handler func(transport.Change)) func(transport.Change)) {
	b.watch = func(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
		if handler != nil {
			handler = change(handler)
		}
		return b.inner.Watch(prefix, handler)
	}
}

func shareValues() func(b *brokenStore) {
	var mu sync.Mutex
	values := map[transport.Revision][]byte{}
	return func(b *brokenStore) {
		b.get = func(ctx context.Context, key string) (transport.Entry, error) {
			e, err := b.inner.Get(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			if v, known := values[e.Revision]; known {
				e.Value = v
			} else if err == nil {
				values[e.Revision] = e.Value
			}
			return e, err
		}
	}
}

func ignoreContext(b *brokenStore) {
	b.get = func(ctx context.Context, key string) (transport.Entry, error) {
		return b.inner.Get(context.WithoutCancel(ctx), key)
	}
}

// onTTL changes the time that a record has.
func onTTL(change func(time.Duration) time.Duration) func(b *brokenStore) {
	return func(b *brokenStore) {
		b.put = func(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
			return b.innerPut(ctx, key, value, last, change(ttl))
		}
	}
}

// expireAfter lets a record go after d, whatever comes between.
func expireAfter(d time.Duration) func(b *brokenStore) {
	return func(b *brokenStore) {
		b.put = func(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
			rev, err := b.innerPut(ctx, key, value, last, ttl)
			if err == nil && ttl > 0 && last == 0 {
				time.AfterFunc(d, func() {
					ctx := context.WithoutCancel(ctx)
					_ = b.inner.Delete(ctx, key, b.current(ctx, key))
				})
			}
			return rev, err
		}
	}
}

func expireAnyway(b *brokenStore) {
	var mu sync.Mutex
	times := map[string]time.Duration{}
	b.put = func(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
		mu.Lock()
		if ttl == 0 && last > 0 {
			ttl = times[key]
		}
		times[key] = ttl
		mu.Unlock()
		return b.innerPut(ctx, key, value, last, ttl)
	}
}

func skipSnapshot(b *brokenStore) {
	onWatch(b, func(handler func(transport.Change)) func(transport.Change) {
		synced := false
		return func(c transport.Change) {
			synced = synced || c.Kind == transport.Synced
			if synced {
				handler(c)
			}
		}
	})
}

func leaveOut(kind transport.ChangeKind) func(b *brokenStore) {
	return func(b *brokenStore) {
		onWatch(b, func(handler func(transport.Change)) func(transport.Change) {
			return func(c transport.Change) {
				if c.Kind != kind {
					handler(c)
				}
			}
		})
	}
}

func tellTwice(b *brokenStore) {
	onWatch(b, func(handler func(transport.Change)) func(transport.Change) {
		return func(c transport.Change) {
			handler(c)
			handler(c)
		}
	})
}

func loseWhenSlow(b *brokenStore) {
	onWatch(b, func(handler func(transport.Change)) func(transport.Change) {
		var busy sync.Mutex
		return func(c transport.Change) {
			if busy.TryLock() {
				go func() {
					defer busy.Unlock()
					handler(c)
				}()
			}
		}
	})
}

// hasty is a Watcher that does not wait.
type hasty struct{ transport.Watcher }

func (h hasty) Close() error {
	go h.Watcher.Close()
	return nil
}

func closeWatchLater(b *brokenStore) {
	b.watch = func(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
		w, err := b.inner.Watch(prefix, handler)
		if err != nil {
			return nil, err
		}
		return hasty{w}, nil
	}
}

func listBytes(b *brokenStore) {
	b.list = func(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error] {
		return func(yield func(transport.Entry, error) bool) {
			for e, err := range b.inner.List(ctx, "") {
				if err == nil && !strings.HasPrefix(e.Key, prefix) {
					continue
				}
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

func listBackwards(b *brokenStore) {
	b.list = func(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error] {
		return func(yield func(transport.Entry, error) bool) {
			var all []transport.Entry
			for e, err := range b.inner.List(ctx, prefix) {
				if err != nil {
					yield(e, err)
					return
				}
				all = append(all, e)
			}
			slices.Reverse(all)
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func vagueGet(b *brokenStore) {
	b.get = func(ctx context.Context, key string) (transport.Entry, error) {
		e, err := b.inner.Get(ctx, key)
		if errors.Is(err, transport.ErrClosed) {
			return e, errors.New("something went wrong")
		}
		return e, err
	}
}

func leakWatch(b *brokenStore) {
	b.watch = func(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
		go func() { select {} }()
		return b.inner.Watch(prefix, handler)
	}
}
