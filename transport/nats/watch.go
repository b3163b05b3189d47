package nats

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/transport"
)

const (
	// lookAgain is when a watch asks although it has heard of no change: news
	// are lost at a change of leader.
	lookAgain = time.Second

	// sameStream is how often a watch makes sure that the stream is the one that
	// it was: one that was deleted and made again in between just has no news.
	sameStream = 5 * time.Second

	// lookWithin bounds the wait for each answer. Who asks while a cluster elects
	// a leader hears nothing, and should not wait long after that.
	lookWithin = 2 * time.Second

	// firstRetry and lastRetry bound the time before a watch asks again after a
	// failure.
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// watch asks the leader of a stream for what comes after the last message that
// it has seen, again and again. Since a stream holds one message a subject, what
// it is given is the newest state, in order, however late it asks.
type watch struct {
	store   *store
	prefix  string
	handler func(transport.Change)
	wake    chan struct{} // of size 1: that there is news is all that counts
	newest  atomic.Uint64 // the highest sequence that the news have told of
	seen    atomic.Uint64 // the cursor, for the news
	done    chan struct{} // closed when run returns
	life    context.Context
	die     context.CancelFunc

	// Of run only.
	known  map[string]transport.Revision // of each key, what was told of its record
	cursor uint64                        // the sequence that was seen last
	whole  time.Time                     // when there was nothing more to see
	stream time.Time                     // when it was made
	asked  time.Time                     // when that was asked
}

// Watch implements transport.Store. It asks the server once a second, and at
// once when it hears of a change.
func (s *store) Watch(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
	w, err := s.watch(prefix, handler)
	if err != nil {
		return nil, s.explain("watch", prefix, err)
	}
	return w, nil
}

func (s *store) watch(prefix string, handler func(transport.Change)) (*watch, error) {
	if err := transport.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, errors.New("no handler given")
	}
	w := &watch{
		store: s, prefix: prefix, handler: handler,
		wake: make(chan struct{}, 1), done: make(chan struct{}), known: make(map[string]transport.Revision),
	}
	w.life, w.die = context.WithCancel(context.Background())
	if err := s.check("any"); err != nil {
		return nil, err
	}
	news, err := s.conn.subscribe(s.news(prefix), "", w.hear)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	ended := s.closed
	if !ended {
		s.watches[w] = struct{}{}
	}
	s.mu.Unlock()
	if ended {
		_ = news.Close() // cannot fail
		return nil, transport.ErrClosed
	}
	go w.run(news)
	return w, nil
}

// hear takes the news of a change, and makes the watch ask unless it has seen
// that one.
func (w *watch) hear(m *transport.Message) {
	seq, err := strconv.ParseUint(m.Header.Get(sequenceHeader), 10, 64)
	if err != nil {
		return // not from the stream
	}
	w.newest.Store(max(seq, w.newest.Load())) // this is the only goroutine that does
	if seq <= w.seen.Load() {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close implements transport.Watcher.
func (w *watch) Close() error {
	w.die()
	<-w.done
	return nil
}

func (w *watch) run(news transport.Subscription) {
	defer close(w.done)
	defer w.store.forget(w)
	defer func() { _ = news.Close() }() // cannot fail
	timer := time.NewTimer(0)
	defer timer.Stop()
	compare, retry := true, firstRetry
	for {
		hurried := false
		select {
		case <-w.life.Done():
			return
		case <-w.wake:
			hurried = true
		case <-timer.C:
		}
		// What was deleted long ago has left no trace by now.
		compare = compare || time.Since(w.whole) > markerLife/2
		pause := lookAgain
		switch err := w.look(compare, hurried); {
		case w.life.Err() != nil:
			return
		case err == nil:
			if compare {
				w.handler(transport.Change{Kind: transport.Synced})
			}
			compare, retry, w.whole = false, firstRetry, time.Now()
		case errors.Is(err, transport.ErrDisconnected):
			compare, pause = true, firstRetry
		default:
			w.store.conn.log.Warn("nats: a watch of a store cannot go on and tries again", "store", w.store.config.Name, "prefix", w.prefix, "error", err)
			compare, pause, retry = true, retry, min(2*retry, lastRetry)
		}
		timer.Reset(pause)
	}
}

// look tells of everything that there is after the cursor. To compare, it
// begins at the start, and tells of what is missing. Hurried, it does not ask
// beyond what the news have told of: of many changes in a row each costs one
// question.
func (w *watch) look(compare, hurried bool) error {
	if err := w.recognize(); err != nil {
		return err
	}
	var seen map[string]struct{}
	if compare {
		w.seen.Store(0)
		w.cursor, seen = 0, make(map[string]struct{})
	}
	for {
		m, err := w.next()
		if err != nil {
			return err
		}
		if m == nil {
			break
		}
		w.cursor = uint64(m.revision)
		w.seen.Store(w.cursor)
		key := strings.TrimPrefix(m.subject, w.store.subject(""))
		if seen != nil {
			seen[key] = struct{}{}
		}
		w.tell(key, m)
		if w.life.Err() != nil {
			return context.Cause(w.life)
		}
		if hurried && !compare && w.cursor >= w.newest.Load() {
			return nil
		}
	}
	for key, rev := range w.known {
		if _, ok := seen[key]; compare && !ok && w.life.Err() == nil {
			// The deletion had a revision of its own, at least the next one.
			w.gone(key, rev+1)
		}
	}
	return nil
}

// next asks for what comes after the cursor.
func (w *watch) next() (*message, error) {
	ctx, cancel := context.WithTimeout(w.life, lookWithin)
	defer cancel()
	return w.store.read(ctx, query{Seq: w.cursor + 1, NextFor: w.store.pattern(w.prefix)})
}

var errOtherStream = errors.New("the stream was deleted and made again")

// recognize fails when the stream is another than before.
func (w *watch) recognize() error {
	if time.Since(w.asked) < sameStream {
		return nil
	}
	ctx, cancel := context.WithTimeout(w.life, lookWithin)
	defer cancel()
	info, err := w.store.info(ctx)
	switch {
	case isCode(err, codeNoStream):
		return cmp.Or(w.store.renew(ctx), errOtherStream)
	case err != nil:
		return err
	}
	before := w.stream
	w.asked, w.stream = time.Now(), info.Created
	if !before.IsZero() && !before.Equal(info.Created) {
		return errOtherStream
	}
	return nil
}

// tell calls the handler, unless it knows that already.
func (w *watch) tell(key string, m *message) {
	known := w.known[key]
	switch {
	case m.revision <= known:
	case !m.marker:
		w.known[key] = m.revision
		w.handler(transport.Change{Kind: transport.Stored, Entry: transport.Entry{Key: key, Value: m.data, Revision: m.revision}})
	case known > 0:
		w.gone(key, m.revision)
	}
}

func (w *watch) gone(key string, rev transport.Revision) {
	delete(w.known, key)
	w.handler(transport.Change{Kind: transport.Deleted, Entry: transport.Entry{Key: key, Revision: rev}})
}
