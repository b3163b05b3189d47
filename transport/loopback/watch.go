package loopback

import (
	"bytes"
	"errors"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

var errNoHandler = errors.New("no handler given")

// watch is what one handler has not been told yet, and the goroutine that tells
// it: of each key the newest change only, so that a slow handler costs no more
// than the records themselves.
type watch struct {
	store   *store
	prefix  string
	handler func(transport.Change)
	done    chan struct{} // closed when run returns

	// mu guards the fields below. It is not held while handler runs.
	mu      sync.Mutex
	changed sync.Cond
	order   []string // keys of pending, the oldest first; "" for Synced, which no record has
	pending map[string]transport.Change
	told    map[string]struct{} // keys whose record the handler knows of
	stopped bool
}

func newWatch(s *store, prefix string, handler func(transport.Change)) *watch {
	w := &watch{
		store: s, prefix: prefix, handler: handler, done: make(chan struct{}),
		pending: make(map[string]transport.Change), told: make(map[string]struct{}),
	}
	w.changed.L = &w.mu
	return w
}

// push adds c, whose value is shared, in place of an older change of its key.
func (w *watch) push(c transport.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := c.Entry.Key
	if _, waits := w.pending[key]; !waits {
		w.order = append(w.order, key)
	}
	w.pending[key] = c
	w.changed.Signal()
}

func (w *watch) run() {
	defer close(w.done)
	defer w.store.forget(w)
	for {
		c, ok := w.next()
		if !ok {
			return
		}
		w.handler(c)
	}
}

// next waits for a change; it returns false when the watch has ended.
func (w *watch) next() (transport.Change, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.order) == 0 && !w.stopped {
			w.changed.Wait()
		}
		if w.stopped {
			return transport.Change{}, false
		}
		key := w.order[0]
		w.order = w.order[1:]
		c := w.pending[key]
		delete(w.pending, key)
		switch _, known := w.told[key]; {
		case c.Kind == transport.Stored:
			w.told[key] = struct{}{}
			c.Entry.Value = bytes.Clone(c.Entry.Value)
		case c.Kind == transport.Deleted && !known:
			continue // the handler has never heard of it
		case c.Kind == transport.Deleted:
			delete(w.told, key)
		}
		return c, true
	}
}

func (w *watch) stop() {
	w.store.records.withdraw(w)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.changed.Broadcast()
}

// Close implements transport.Watcher.
func (w *watch) Close() error {
	w.stop()
	<-w.done
	return nil
}
