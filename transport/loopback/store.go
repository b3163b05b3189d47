package loopback

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// records is what one name stands for on a broker. It outlives the
// connections.
type records struct {
	// mu guards the fields below. It is not held while a handler runs.
	mu        sync.Mutex
	last      transport.Revision
	all       map[string]*record
	schedules map[string]*time.Timer
	watches   map[*watch]struct{}
}

type record struct {
	value    []byte
	revision transport.Revision
	expiry   *time.Timer // nil when it stays
}

// store is one connection's end of records.
type store struct {
	conn    *conn
	name    string
	records *records
	closed  atomic.Bool

	mu      sync.Mutex // guards watches
	watches map[*watch]struct{}
}

var _ transport.Storer = (*conn)(nil)

// OpenStore implements transport.Storer. It does not wait.
func (c *conn) OpenStore(ctx context.Context, cfg transport.StoreConfig) (transport.Store, error) {
	s, err := c.openStore(ctx, cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("loopback: open store %q: %w", cfg.Name, err)
	}
	if cfg.Schedules {
		return scheduler{s}, nil
	}
	return s, nil
}

func (c *conn) openStore(ctx context.Context, name string) (*store, error) {
	if err := transport.CheckStoreName(name); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, context.Cause(ctx))
	}
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.leaving {
		return nil, transport.ErrClosed
	}
	r := b.stores[name]
	if r == nil {
		r = &records{all: make(map[string]*record), schedules: make(map[string]*time.Timer), watches: make(map[*watch]struct{})}
		b.stores[name] = r
	}
	s := &store{conn: c, name: name, records: r, watches: make(map[*watch]struct{})}
	c.stores = append(c.stores, s)
	return s, nil
}

// usable says why nothing can be done, or nil.
func (s *store) usable(ctx context.Context) error {
	switch {
	case s.closed.Load(), s.conn.closed.Load():
		return transport.ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, context.Cause(ctx))
	default:
		return nil
	}
}

// check says why nothing can be done with key, or nil.
func (s *store) check(ctx context.Context, key string) error {
	if err := transport.CheckKey(key); err != nil {
		return err
	}
	return s.usable(ctx)
}

// explain puts what was attempted before err.
func (s *store) explain(what, key string, err error) error {
	return fmt.Errorf("loopback: store %q: %s %q: %w", s.name, what, key, err)
}

func (s *store) Get(ctx context.Context, key string) (transport.Entry, error) {
	if err := s.check(ctx, key); err != nil {
		return transport.Entry{}, s.explain("get", key, err)
	}
	e, ok := s.records.get(key)
	if !ok {
		return transport.Entry{}, s.explain("get", key, transport.ErrNotFound)
	}
	return e, nil
}

func (s *store) Put(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
	ttl, err := transport.CheckTTL(ttl)
	if err == nil {
		err = s.check(ctx, key)
	}
	if limit := s.conn.broker.features.MaxPayload; err == nil && limit > 0 && len(value)+transport.RecordOverhead > limit {
		err = fmt.Errorf("%w: a value of %d bytes, at most %d", transport.ErrTooLarge, len(value), limit-transport.RecordOverhead)
	}
	var revision transport.Revision
	if err == nil {
		revision, err = s.records.put(key, bytes.Clone(value), last, ttl)
	}
	if err != nil {
		return 0, s.explain("put", key, err)
	}
	return revision, nil
}

func (s *store) Delete(ctx context.Context, key string, last transport.Revision) error {
	err := s.check(ctx, key)
	if err == nil {
		err = s.records.delete(key, last)
	}
	if err != nil {
		return s.explain("delete", key, err)
	}
	return nil
}

func (s *store) List(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error] {
	return func(yield func(transport.Entry, error) bool) {
		err := transport.CheckPrefix(prefix)
		if err == nil {
			err = s.usable(ctx)
		}
		var keys []string
		if err == nil {
			keys = s.records.keys(prefix)
		}
		for i := 0; i < len(keys) && err == nil; i++ {
			if e, ok := s.records.get(keys[i]); ok && !yield(e, nil) {
				return
			}
			err = s.usable(ctx)
		}
		if err != nil {
			yield(transport.Entry{}, s.explain("list", prefix, err))
		}
	}
}

func (s *store) Watch(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
	w, err := s.watch(prefix, handler)
	if err != nil {
		return nil, s.explain("watch", prefix, err)
	}
	go w.run()
	return w, nil
}

func (s *store) watch(prefix string, handler func(transport.Change)) (*watch, error) {
	if err := transport.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, errNoHandler
	}
	w := newWatch(s, prefix, handler)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return nil, transport.ErrClosed
	}
	s.watches[w] = struct{}{}
	s.records.add(w)
	return w, nil
}

func (s *store) Close() error {
	for _, w := range s.stop() {
		<-w.done
	}
	return nil
}

// stop ends the watches and returns them; it does not wait for them.
func (s *store) stop() []*watch {
	s.mu.Lock()
	s.closed.Store(true)
	all := make([]*watch, 0, len(s.watches))
	for w := range s.watches {
		all = append(all, w)
	}
	s.mu.Unlock()
	for _, w := range all {
		w.stop()
	}
	return all
}

func (s *store) forget(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, w)
}

// under says whether key is one of those that prefix stands for.
func under(prefix, key string) bool {
	return prefix == "" || len(key) > len(prefix) && key[len(prefix)] == '.' && strings.HasPrefix(key, prefix)
}

func (r *records) get(key string) (transport.Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.all[key]
	if rec == nil {
		return transport.Entry{}, false
	}
	return transport.Entry{Key: key, Value: bytes.Clone(rec.value), Revision: rec.revision}, true
}

func (r *records) keys(prefix string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []string
	for key := range r.all {
		if under(prefix, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// put takes value over.
func (r *records) put(key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.compare(key, last); err != nil {
		return 0, err
	}
	r.store(key, value, ttl)
	return r.last, nil
}

// store replaces what is there. mu is held.
func (r *records) store(key string, value []byte, ttl time.Duration) {
	r.remove(key)
	r.last++
	rec := &record{value: value, revision: r.last}
	if ttl > 0 {
		rec.expiry = time.AfterFunc(ttl, func() { _ = r.delete(key, rec.revision) }) // fails when it has been replaced
	}
	r.all[key] = rec
	r.tell(transport.Stored, key, value)
}

func (r *records) delete(key string, last transport.Revision) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.compare(key, last)
	if err == nil && last == 0 {
		err = fmt.Errorf("%w: there is no record", transport.ErrConflict)
	}
	if err != nil {
		return err
	}
	r.remove(key)
	r.last++
	r.tell(transport.Deleted, key, nil)
	return nil
}

// compare says whether the revision of key is last. mu is held.
func (r *records) compare(key string, last transport.Revision) error {
	var now transport.Revision
	if rec := r.all[key]; rec != nil {
		now = rec.revision
	}
	if now != last {
		return fmt.Errorf("%w: it is %d, not %d", transport.ErrConflict, now, last)
	}
	return nil
}

// remove forgets the record of key, if there is one. mu is held.
func (r *records) remove(key string) {
	if rec := r.all[key]; rec != nil && rec.expiry != nil {
		rec.expiry.Stop()
	}
	delete(r.all, key)
}

// clear forgets everything, so that no timer is left.
func (r *records) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.all {
		r.remove(key)
	}
	for _, timer := range r.schedules {
		timer.Stop()
	}
	clear(r.schedules)
}

// tell lets the watches know of the newest revision. mu is held.
func (r *records) tell(kind transport.ChangeKind, key string, value []byte) {
	for w := range r.watches {
		if under(w.prefix, key) {
			w.push(transport.Change{Kind: kind, Entry: transport.Entry{Key: key, Value: value, Revision: r.last}})
		}
	}
}

// add makes w hear of what is there, and of all changes.
func (r *records) add(w *watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, rec := range r.all {
		if under(w.prefix, key) {
			w.push(transport.Change{Kind: transport.Stored, Entry: transport.Entry{Key: key, Value: rec.value, Revision: rec.revision}})
		}
	}
	w.push(transport.Change{Kind: transport.Synced})
	r.watches[w] = struct{}{}
}

// withdraw makes w hear of nothing more.
func (r *records) withdraw(w *watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watches, w)
}
