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

// workload is writers that compare and set, and a watch of what they write. No
// write that was acknowledged may be lost, none that was refused may be there,
// and no revision may be replaced twice; the watch has the truth in the end.
type workload struct {
	t             *testing.T
	keys          []string
	ledgers       map[string]*ledger
	made, settled atomic.Int64
	stop          context.CancelFunc
	writers       sync.WaitGroup
	reader        transport.Store

	mu   sync.Mutex // guards what follows
	view map[string]string
	revs map[string]transport.Revision
}

// openAt opens a store on a connection of its own.
func openAt(t *testing.T, urls string, cfg transport.StoreConfig) transport.Store {
	t.Helper()
	c, err := atnats.Connect(within(t), urls)
	if err != nil {
		t.Fatalf("Connect() = %v, want nil", err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := c.OpenStore(within(t), cfg)
	if err != nil {
		t.Fatalf("OpenStore() = %v, want nil", err)
	}
	return s
}

func startWorkload(t *testing.T, urls string, cfg transport.StoreConfig) *workload {
	t.Helper()
	w := &workload{t: t, keys: []string{"k.0", "k.1", "k.2"}, ledgers: map[string]*ledger{}, view: map[string]string{}, revs: map[string]transport.Revision{}}
	for _, k := range w.keys {
		w.ledgers[k] = &ledger{made: map[string]bool{}, maybe: map[string]bool{}, replaced: map[transport.Revision]string{}}
	}
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	t.Cleanup(func() {
		stop()
		w.writers.Wait()
	})
	for i := range 6 {
		a := &appender{t: t, name: fmt.Sprint("w", i), store: openAt(t, urls, cfg), ledgers: w.ledgers, made: &w.made, settled: &w.settled}
		w.writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				a.add(ctx, w.keys[n%len(w.keys)], n)
			}
		})
	}
	w.reader = openAt(t, urls, cfg)
	if _, err := w.reader.Watch("k", w.see); err != nil {
		t.Fatalf("Watch() = %v, want nil", err)
	}
	return w
}

func (w *workload) see(c transport.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case c.Kind == transport.Deleted:
		w.t.Errorf("the watch says that %s was deleted, which nobody has done", c.Entry.Key)
	case c.Kind != transport.Stored:
	case c.Entry.Revision <= w.revs[c.Entry.Key]:
		w.t.Errorf("the watch tells of %s revision %d after %d", c.Entry.Key, c.Entry.Revision, w.revs[c.Entry.Key])
	default:
		w.view[c.Entry.Key], w.revs[c.Entry.Key] = string(c.Entry.Value), c.Entry.Revision
	}
}

// progress waits until more has been written.
func (w *workload) progress(what string) {
	w.t.Helper()
	before := w.made.Load()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	if poll(ctx, func() bool { return w.made.Load() > before+20 }) != nil {
		w.t.Errorf("no writes within 30s after %s", what)
	}
}

// finish ends the writers and checks what they have left.
func (w *workload) finish() {
	t := w.t
	t.Helper()
	w.stop()
	w.writers.Wait()
	for _, k := range w.keys {
		var e transport.Entry
		if poll(within(t), func() (ok bool) {
			var err error
			e, err = w.reader.Get(within(t), k)
			return err == nil
		}) != nil {
			t.Fatalf("Get(%q) fails in the end", k)
		}
		w.ledgers[k].check(t, k, string(e.Value))
		if poll(within(t), func() bool {
			// A write whose writer was stopped may land after the first reading.
			var err error
			if e, err = w.reader.Get(within(t), k); err != nil {
				return false
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.view[k] == string(e.Value)
		}) != nil {
			w.mu.Lock()
			t.Errorf("the watch has %s as %d bytes, want %d", k, len(w.view[k]), len(e.Value))
			w.mu.Unlock()
		}
	}
	t.Logf("%d writes, %d of unknown outcome that were settled", w.made.Load(), w.settled.Load())
}

// runStored starts a cluster that keeps its records on disk, each server where
// its clients will look for it when it returns.
func runStored(t *testing.T, n int) (all []*Server, cfgs []Config, urls string) {
	t.Helper()
	cfgs = make([]Config, n)
	all = runCluster(t, n, func(i int, cfg *Config) {
		cfg.Dir = t.TempDir()
		cfg.SyncInterval = time.Minute // the machine stays up, and other tests want its disk
		cfgs[i] = *cfg
	})
	each := make([]string, n)
	for i, s := range all {
		each[i] = s.URL()
		cfgs[i].Listen = strings.TrimPrefix(s.URL(), "nats://")
	}
	return all, cfgs, strings.Join(each, ",")
}

// again starts a server that was shut down.
func again(t *testing.T, cfg Config) *Server {
	t.Helper()
	s := run(t, cfg)
	if err := s.Ready(within(t)); err != nil {
		t.Fatalf("Ready() = %v, want nil", err)
	}
	return s
}

// TestStoreUnderLeaderChanges has writers compare and set while the stream
// changes its leader, which it is asked to do, and while the server that leads
// it goes and comes back.
func TestStoreUnderLeaderChanges(t *testing.T) {
	t.Parallel()
	all, cfgs, urls := runStored(t, 3)
	w := startWorkload(t, urls, transport.StoreConfig{Name: "b"})
	nc := dial(t, urls)
	for range 6 {
		w.progress("a change of leader")
		// Fails while there is none to step down.
		_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN.KV_b", nil, time.Second)
	}
	for range 2 {
		i := leaderOf(t, all)
		_ = all[i].Shutdown(cancelled()) // cuts its clients off, and says so
		w.progress("the leader has gone")
		all[i] = again(t, cfgs[i])
		w.progress("it has come back")
	}
	w.finish()
}

// A cluster of two keeps records on both, and writes none while one is away.
func TestStoreOnTwoServers(t *testing.T) {
	t.Parallel()
	all, cfgs, urls := runStored(t, 2)
	c, err := atnats.Connect(within(t), urls)
	if err != nil {
		t.Fatalf("Connect() = %v, want nil", err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if s, err := c.OpenStore(ctx, transport.StoreConfig{Name: "three"}); !errors.Is(err, transport.ErrStoreUnavailable) || s != nil || !strings.Contains(err.Error(), "Replicas") {
		t.Errorf("OpenStore() of three copies on two servers = %v, %v, want ErrStoreUnavailable that names Replicas", s, err)
	}
	w := startWorkload(t, urls, transport.StoreConfig{Name: "b", Replicas: 2})
	for _, leader := range []bool{true, false} {
		w.progress("both are there")
		i := leaderOf(t, all)
		if !leader {
			i = 1 - i
		}
		_ = all[i].Shutdown(cancelled())
		before := w.made.Load() // what was on its way may yet be acknowledged
		for n := range 3 {      // a key each, since what nobody knows of may be there later
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			_, err := w.reader.Put(ctx, fmt.Sprintf("away.%t.%d", leader, n), nil, 0, 0)
			cancel()
			if !errors.Is(err, transport.ErrStoreUnavailable) && !errors.Is(err, transport.ErrUnknownOutcome) {
				t.Fatalf("Put() with one server of two = %v, want ErrStoreUnavailable or ErrUnknownOutcome", err)
			}
		}
		if n := w.made.Load() - before; n > 6 {
			t.Errorf("%d writes were acknowledged with one server of two, want none but those on their way", n)
		}
		all[i] = again(t, cfgs[i])
	}
	w.progress("both are back")
	w.finish()
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
