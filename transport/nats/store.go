package nats

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/atasks-io/atasks/transport"
)

var _ transport.Storer = (*Conn)(nil)

// answerWithin bounds the wait for an answer where the context does not.
const answerWithin = 5 * time.Second

// The headers of a record, see ADR-8, ADR-43 and ADR-48 of NATS.
const (
	expectHeader    = "Nats-Expected-Last-Subject-Sequence"
	ttlHeader       = "Nats-TTL"
	operationHeader = "KV-Operation"
	reasonHeader    = "Nats-Marker-Reason"
	sequenceHeader  = "Nats-Sequence" // of what a stream republishes
	purged          = "PURGE"         // DEL would get a second marker when it expires
)

// What the server says of a write that it has not made.
const (
	codeConflict    = 10071 // the sequence is another
	codeInFlight    = 10164 // another write to the subject has not been decided yet
	codeTooLarge    = 10054
	codeStoreFailed = 10077 // one copy could not be stored, of others nothing is said
	codeNoStream    = 10059
	codeNoMessage   = 10037
)

// store is a stream that holds the newest message of each of its subjects.
type store struct {
	conn   *Conn
	config transport.StoreConfig
	stream string
	js     jetstream.JetStream

	// mu guards the fields below. It is not held while the client is called.
	mu      sync.Mutex
	closed  bool
	watches map[*watch]struct{}
}

// OpenStore implements transport.Storer. It needs NATS 2.11 or later, with
// JetStream. A store is a key-value bucket of this name; see
// docs/adr/0015-store.md for what its stream has to be. Schedules need NATS 2.12;
// a store that was made without them is given them, for which a right is needed
// that most programs should not have: docs/security.md tells. When ctx has no
// deadline, it waits 10 seconds at most.
func (c *Conn) OpenStore(ctx context.Context, cfg transport.StoreConfig) (transport.Store, error) {
	s, err := c.openStore(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("nats: open store %q: %w", cfg.Name, err)
	}
	if cfg.Schedules {
		return scheduler{s}, nil
	}
	return s, nil
}

func (c *Conn) openStore(ctx context.Context, cfg transport.StoreConfig) (*store, error) {
	if err := transport.CheckStoreName(cfg.Name); err != nil {
		return nil, err
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, err)
	}
	s := &store{conn: c, config: cfg, stream: "KV_" + cfg.Name, js: js, watches: make(map[*watch]struct{})}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return nil, transport.ErrClosed
	}
	c.stores[s] = struct{}{}
	return s, nil
}

// subject returns that of a key, or the pattern of a prefix.
func (s *store) subject(key string) string { return "$KV." + s.config.Name + "." + key }

func (s *store) pattern(prefix string) string { return s.subject(tail(prefix)) }

// news is where the stream says that something under prefix has changed.
func (s *store) news(prefix string) string {
	return "at-store." + s.config.Name + "." + tail(prefix)
}

func tail(prefix string) string {
	if prefix == "" {
		return ">"
	}
	return prefix + ".>"
}

// explain puts what was attempted before err.
func (s *store) explain(what, key string, err error) error {
	return fmt.Errorf("nats: store %q: %s %q: %w", s.config.Name, what, key, err)
}

// check says why nothing can be done with key, or nil.
func (s *store) check(key string) error {
	s.mu.Lock()
	ended := s.closed
	s.mu.Unlock()
	if ended || s.conn.state.Load() == closed {
		return transport.ErrClosed
	}
	return transport.CheckKey(key)
}

// Get implements transport.Store. It asks the leader of the stream.
func (s *store) Get(ctx context.Context, key string) (transport.Entry, error) {
	err := s.check(key)
	var m *message
	if err == nil {
		m, err = s.read(ctx, query{LastFor: s.subject(key)})
	}
	if err == nil && (m == nil || m.marker) {
		err = transport.ErrNotFound
	}
	if err != nil {
		return transport.Entry{}, s.explain("get", key, err)
	}
	return transport.Entry{Key: key, Value: m.data, Revision: m.revision}, nil
}

// Put implements transport.Store.
func (s *store) Put(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
	ttl, err := transport.CheckTTL(ttl)
	if err == nil {
		err = s.check(key)
	}
	var rev transport.Revision
	if err == nil {
		m := &nats.Msg{Subject: s.subject(key), Data: value, Header: nats.Header{}}
		if ttl > 0 {
			m.Header[ttlHeader] = []string{strconv.FormatInt(int64(ttl/time.Second), 10)}
		}
		rev, err = s.write(ctx, m, last)
		if last == 0 && errors.Is(err, transport.ErrConflict) {
			rev, err = s.writeOver(ctx, m, err)
		}
	}
	if err != nil {
		return 0, s.explain("put", key, err)
	}
	return rev, nil
}

// writeOver puts m where a marker of a deletion may be, which is no record but
// has a sequence. Conflict is what there is to say when it is a record.
func (s *store) writeOver(ctx context.Context, m *nats.Msg, conflict error) (transport.Revision, error) {
	for range 3 { // another may come between, a marker may go
		found, err := s.read(ctx, query{LastFor: m.Subject})
		var last transport.Revision
		switch {
		case err != nil:
			return 0, err
		case found != nil && !found.marker:
			return 0, conflict
		case found != nil:
			last = found.revision
		}
		rev, err := s.write(ctx, m, last)
		if !errors.Is(err, transport.ErrConflict) {
			return rev, err
		}
		conflict = err
	}
	return 0, conflict
}

// Delete implements transport.Store.
func (s *store) Delete(ctx context.Context, key string, last transport.Revision) error {
	err := s.check(key)
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, context.Cause(ctx))
	case last == 0:
		err = fmt.Errorf("%w: 0 stands for no record", transport.ErrConflict)
	default:
		m := &nats.Msg{Subject: s.subject(key), Header: nats.Header{
			operationHeader: []string{purged},
			ttlHeader:       []string{strconv.Itoa(int(markerLife / time.Second))},
		}}
		_, err = s.write(ctx, m, last)
	}
	if err != nil {
		return s.explain("delete", key, err)
	}
	return nil
}

// listed is how many records List asks for at once.
const listed = 32

// List implements transport.Store.
func (s *store) List(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error] {
	return func(yield func(transport.Entry, error) bool) {
		keys, err := s.keys(ctx, prefix)
		for chunk := range slices.Chunk(keys, listed) {
			entries, failed := s.getAll(ctx, chunk)
			if failed != nil {
				err = failed
				break
			}
			for _, e := range entries {
				if e.Revision > 0 && !yield(e, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(transport.Entry{}, s.explain("list", prefix, err))
		}
	}
}

// keys returns the keys under prefix, in order, and those of markers.
func (s *store) keys(ctx context.Context, prefix string) ([]string, error) {
	if err := transport.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	if err := s.check("any"); err != nil {
		return nil, err
	}
	info, err := s.info(ctx, jetstream.WithSubjectFilter(s.pattern(prefix)))
	if isCode(err, codeNoStream) {
		err = s.renew(ctx)
		if err == nil {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		keys = append(keys, strings.TrimPrefix(subject, s.subject("")))
	}
	slices.Sort(keys)
	return keys, nil
}

// getAll returns the records of keys, an empty one for each that has none.
func (s *store) getAll(ctx context.Context, keys []string) ([]transport.Entry, error) {
	entries, errs := make([]transport.Entry, len(keys)), make([]error, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() {
			err := s.check(key)
			var m *message
			if err == nil {
				m, err = s.read(ctx, query{LastFor: s.subject(key)})
			}
			if errs[i] = err; err == nil && m != nil && !m.marker {
				entries[i] = transport.Entry{Key: key, Value: m.data, Revision: m.revision}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err // one says as much as all
		}
	}
	return entries, nil
}

// Close implements transport.Store.
func (s *store) Close() error {
	s.conn.mu.Lock()
	delete(s.conn.stores, s)
	s.conn.mu.Unlock()
	for _, w := range s.stop() {
		<-w.done
	}
	return nil
}

// stop ends the watches and returns them; it does not wait for them.
func (s *store) stop() []*watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	all := make([]*watch, 0, len(s.watches))
	for w := range s.watches {
		w.die()
		all = append(all, w)
	}
	return all
}

func (s *store) forget(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, w)
}
