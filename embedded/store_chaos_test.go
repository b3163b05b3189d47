package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// ledger is what the writers of one key say of their writes. The value of the
// key is the list of those that were made.
type ledger struct {
	mu       sync.Mutex // guards what follows
	made     map[string]bool
	maybe    map[string]bool
	replaced map[transport.Revision]string // by whom
}

func (l *ledger) note(id string, last transport.Revision, err error) (unknown bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.made[id] = true
		delete(l.maybe, id)
		l.replaced[last] += " " + id
	case errors.Is(err, transport.ErrUnknownOutcome):
		l.maybe[id] = true
		return true
	}
	return false
}

// appender adds its name to the lists of keys, as one of several.
type appender struct {
	t       *testing.T
	name    string
	store   transport.Store
	ledgers map[string]*ledger
	settled *atomic.Int64
	made    *atomic.Int64
}

// add makes one write and, when nobody knows whether it was made, settles that
// as the contract says: by the same write again.
func (a *appender) add(ctx context.Context, key string, n int) {
	l, id := a.ledgers[key], fmt.Sprintf("%s.%d", a.name, n)
	step, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	e, err := a.store.Get(step, key)
	if err != nil && !errors.Is(err, transport.ErrNotFound) {
		return
	}
	value := append(slices.Clone(e.Value), (id + " ")...)
	_, err = a.store.Put(step, key, value, e.Revision, 0)
	unknown := l.note(id, e.Revision, err)
	if err == nil {
		a.made.Add(1)
	}
	for unknown && ctx.Err() == nil {
		again, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err = a.store.Put(again, key, value, e.Revision, 0)
		cancel()
		l.note(id, e.Revision, err)
		if err == nil || errors.Is(err, transport.ErrConflict) {
			a.settled.Add(1)
			return
		}
	}
}

// check compares the list with the ledger.
func (l *ledger) check(t *testing.T, key, value string) {
	t.Helper()
	count := map[string]int{}
	for id := range strings.FieldsSeq(value) {
		count[id]++
		if !l.made[id] && !l.maybe[id] {
			t.Errorf("%s: %s is in the list, and its writer was told that it was not written", key, id)
		}
	}
	for id, n := range count {
		if n > 1 {
			t.Errorf("%s: %s is in the list %d times, want once", key, id, n)
		}
	}
	for id := range l.made {
		if count[id] == 0 {
			t.Errorf("%s: %s was acknowledged and is lost", key, id)
		}
	}
	for rev, by := range l.replaced {
		if n := len(strings.Fields(by)); n > 1 {
			t.Errorf("%s: revision %d was replaced %d times:%s", key, rev, n, by)
		}
	}
}

// TestStoreUnderLeaderChanges has writers compare and set while the stream
// changes its leader, which it is asked to do, and while the server that leads
// it goes and comes back. No write that was acknowledged is lost, none that was
// refused is there, and no revision is replaced twice. A watch that goes through
// all that has the truth in the end.
func TestStoreUnderLeaderChanges(t *testing.T) {
	t.Parallel()
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	cfgs := make([]Config, 3)
	all := runCluster(t, 3, func(i int, cfg *Config) {
		cfg.Dir = dirs[i]
		cfgs[i] = *cfg
	})
	urls := strings.Join([]string{all[0].URL(), all[1].URL(), all[2].URL()}, ",")
	for i := range cfgs { // so that one that returns is where its clients look for it
		cfgs[i].Listen = strings.TrimPrefix(all[i].URL(), "nats://")
	}

	keys := []string{"k.0", "k.1", "k.2"}
	ledgers := map[string]*ledger{}
	for _, k := range keys {
		ledgers[k] = &ledger{made: map[string]bool{}, maybe: map[string]bool{}, replaced: map[transport.Revision]string{}}
	}
	var made, settled atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	connect := func() transport.Store {
		c, err := atnats.Connect(within(t), urls)
		if err != nil {
			t.Fatalf("Connect() = %v, want nil", err)
		}
		t.Cleanup(func() { c.Close() })
		s, err := c.OpenStore(within(t), transport.StoreConfig{Name: "b"})
		if err != nil {
			t.Fatalf("OpenStore() = %v, want nil", err)
		}
		return s
	}
	for w := range 6 {
		a := &appender{t: t, name: fmt.Sprint("w", w), store: connect(), ledgers: ledgers, made: &made, settled: &settled}
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				a.add(ctx, keys[n%len(keys)], n)
			}
		})
	}
	reader := connect()
	var mu sync.Mutex
	view, revs := map[string]string{}, map[string]transport.Revision{}
	if _, err := reader.Watch("k", func(c transport.Change) {
		mu.Lock()
		defer mu.Unlock()
		if c.Kind != transport.Stored {
			if c.Kind == transport.Deleted {
				t.Errorf("the watch says that %s was deleted, which nobody has done", c.Entry.Key)
			}
			return
		}
		if c.Entry.Revision <= revs[c.Entry.Key] {
			t.Errorf("the watch tells of %s revision %d after %d", c.Entry.Key, c.Entry.Revision, revs[c.Entry.Key])
		}
		view[c.Entry.Key], revs[c.Entry.Key] = string(c.Entry.Value), c.Entry.Revision
	}); err != nil {
		t.Fatalf("Watch() = %v, want nil", err)
	}

	progress := func(what string) {
		before := made.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if poll(ctx, func() bool { return made.Load() > before+20 }) != nil {
			t.Errorf("no writes within 30s after %s", what)
		}
	}
	nc := dial(t, urls)
	for range 6 {
		progress("a change of leader")
		// Fails while there is none to step down.
		_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN.KV_b", nil, time.Second)
	}
	for range 2 {
		i := leaderOf(t, all)
		_ = all[i].Shutdown(cancelled()) // cuts its clients off, and says so
		progress("the leader has gone")
		s, err := Start(cfgs[i])
		if err != nil {
			t.Fatalf("Start() of the member that returns = %v, want nil", err)
		}
		t.Cleanup(func() { _ = s.Shutdown(cancelled()) })
		all[i] = s
		if err := s.Ready(within(t)); err != nil {
			t.Fatalf("Ready() = %v, want nil", err)
		}
		progress("it has come back")
	}
	stop()
	writers.Wait()

	for _, k := range keys {
		var e transport.Entry
		if poll(within(t), func() (ok bool) {
			var err error
			e, err = reader.Get(within(t), k)
			return err == nil
		}) != nil {
			t.Fatalf("Get(%q) fails in the end", k)
		}
		ledgers[k].check(t, k, string(e.Value))
		if poll(within(t), func() bool {
			// A write whose writer was stopped may land after the first reading.
			var err error
			if e, err = reader.Get(within(t), k); err != nil {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			return view[k] == string(e.Value)
		}) != nil {
			t.Errorf("the watch has %s as %d bytes, want %d", k, len(view[k]), len(e.Value))
		}
	}
	t.Logf("%d writes, %d of unknown outcome that were settled", made.Load(), settled.Load())
}

// leaderOf returns which server leads the stream of the store.
func leaderOf(t *testing.T, all []*Server) int {
	t.Helper()
	leader := -1
	if poll(within(t), func() bool {
		leader = slices.IndexFunc(all, func(s *Server) bool { return s.ns.JetStreamIsStreamLeader("$G", "KV_b") })
		return leader >= 0
	}) != nil {
		t.Fatal("the stream has no leader")
	}
	return leader
}
