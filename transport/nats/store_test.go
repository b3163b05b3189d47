package nats_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

func openStore(tb testing.TB, c *atnats.Conn) transport.Store {
	tb.Helper()
	s, err := c.OpenStore(soon(tb), transport.StoreConfig{Name: "b"})
	if err != nil {
		tb.Fatalf("OpenStore(b) = %v, want nil", err)
	}
	return s
}

func put(tb testing.TB, s transport.Store, key, value string, last transport.Revision, ttl time.Duration) transport.Revision {
	tb.Helper()
	rev, err := s.Put(soon(tb), key, []byte(value), last, ttl)
	if err != nil {
		tb.Fatalf("Put(%q, last %d) = %v, want nil", key, last, err)
	}
	return rev
}

// until waits for ok.
func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	ctx, tick := soon(tb), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("waiting for %s: nothing within 10s", what)
		}
	}
}

func watchStore(tb testing.TB, s transport.Store, prefix string) <-chan transport.Change {
	tb.Helper()
	changes := make(chan transport.Change, 1024)
	if _, err := s.Watch(prefix, func(c transport.Change) { changes <- c }); err != nil {
		tb.Fatalf("Watch(%q) = %v, want nil", prefix, err)
	}
	return changes
}

func expectChange(tb testing.TB, changes <-chan transport.Change, kind transport.ChangeKind, key, value string) transport.Entry {
	tb.Helper()
	c := await(tb, changes, "the change "+kind.String()+" "+key)
	if c.Kind != kind || c.Entry.Key != key || string(c.Entry.Value) != value {
		tb.Fatalf("change = %v %q %q, want %v %q %q", c.Kind, c.Entry.Key, c.Entry.Value, kind, key, value)
	}
	return c.Entry
}

func streamsOf(tb testing.TB, url string) jetstream.JetStream {
	tb.Helper()
	js, err := jetstream.New(program(tb, url))
	if err != nil {
		tb.Fatal(err)
	}
	return js
}

// startStores runs a server with JetStream behind a proxy.
func startStores(tb testing.TB) (*proxy, *server.Server) {
	tb.Helper()
	s := start(tb, server.Options{JetStream: true, StoreDir: tb.TempDir()})
	return startProxy(tb, s.Addr().String()), s
}

// What was sent and not answered may have been stored; the same Put again tells.
func TestStoreUnknownOutcome(t *testing.T) {
	t.Parallel()
	p, _ := startStores(t)
	c := dial(t, "nats://"+p.addr())
	s := openStore(t, c)
	rev := put(t, s, "k", "1", 0, 0)

	thaw := p.freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Put(ctx, "k", []byte("2"), rev, 0)
	if !errors.Is(err, transport.ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, transport.ErrStoreUnavailable) {
		t.Errorf("Put() without an answer = %v, want ErrUnknownOutcome and the cause", err)
	}
	if _, err := s.Get(ctx, "k"); !errors.Is(err, transport.ErrStoreUnavailable) {
		t.Errorf("Get() without an answer = %v, want ErrStoreUnavailable", err)
	}
	thaw()
	// It lands before whatever is sent now.
	if _, err := s.Put(soon(t), "k", []byte("2"), rev, 0); !errors.Is(err, transport.ErrConflict) {
		t.Errorf("the same Put() again = %v, want ErrConflict", err)
	}
	if e, err := s.Get(soon(t), "k"); err != nil || string(e.Value) != "2" {
		t.Errorf("Get() = %q, %v, want what was stored without an answer", e.Value, err)
	}
}

// A request that waits ends with the link, not with its context.
func TestStoreCutWhileWaiting(t *testing.T) {
	t.Parallel()
	p, _ := startStores(t)
	c := dial(t, "nats://"+p.addr())
	s := openStore(t, c)
	thaw := p.freeze()
	defer thaw()
	sent := c.NATS().Stats().OutMsgs
	errs := make(chan error, 2)
	go func() {
		_, err := s.Put(context.Background(), "k", nil, 0, 0)
		errs <- err
	}()
	until(t, "the Put to be sent", func() bool { return c.NATS().Stats().OutMsgs > sent })
	p.Cut(t)
	if err := await(t, errs, "Put"); !errors.Is(err, transport.ErrUnknownOutcome) || !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("Put() when the link is cut = %v, want ErrUnknownOutcome and ErrDisconnected", err)
	}
	if _, err := s.Put(soon(t), "k", nil, 0, 0); !errors.Is(err, transport.ErrStoreUnavailable) || !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("Put() during the cut = %v, want ErrStoreUnavailable and ErrDisconnected", err)
	}
}

func TestStoreCloseWhileWaiting(t *testing.T) {
	t.Parallel()
	p, _ := startStores(t)
	c := dial(t, "nats://"+p.addr())
	s := openStore(t, c)
	thaw := p.freeze()
	defer thaw()
	sent := c.NATS().Stats().OutMsgs
	errs := make(chan error, 1)
	go func() {
		_, err := s.Put(context.Background(), "k", nil, 0, 0)
		errs <- err
	}()
	until(t, "the Put to be sent", func() bool { return c.NATS().Stats().OutMsgs > sent })
	c.Close()
	if err := await(t, errs, "Put"); !errors.Is(err, transport.ErrUnknownOutcome) || !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Put() when the connection is closed = %v, want ErrUnknownOutcome and ErrClosed", err)
	}
}

// The marker of what went in a cut has gone as well when the link is back.
func TestWatchOutlivesMarkers(t *testing.T) {
	t.Parallel()
	p, srv := startStores(t)
	js := streamsOf(t, srv.ClientURL())
	writer := openStore(t, dial(t, srv.ClientURL()))
	stream, err := js.Stream(soon(t), "KV_b")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.SubjectDeleteMarkerTTL = time.Second
	if _, err := js.UpdateStream(soon(t), cfg); err != nil {
		t.Fatal(err)
	}
	c := dial(t, "nats://"+p.addr())
	events := attach(t, c)
	changes := watchStore(t, openStore(t, c), "")
	expectChange(t, changes, transport.Synced, "", "")
	put(t, writer, "n.1", "x", 0, time.Second)
	stored := expectChange(t, changes, transport.Stored, "n.1", "x")
	kept := put(t, writer, "n.2", "y", 0, 0)
	expectChange(t, changes, transport.Stored, "n.2", "y")

	p.Cut(t)
	expectEvent(t, events, transport.Cut)
	until(t, "the record and its marker to go", func() bool {
		_, err := stream.GetLastMsgForSubject(soon(t), "$KV.b.n.1")
		return errors.Is(err, jetstream.ErrMsgNotFound)
	})
	put(t, writer, "n.3", "z", 0, 0)
	p.Heal(t)
	expectEvent(t, events, transport.Restored)
	expectChange(t, changes, transport.Stored, "n.3", "z")
	if gone := expectChange(t, changes, transport.Deleted, "n.1", ""); gone.Revision <= stored.Revision || gone.Revision > kept {
		t.Errorf("deleted with revision %d, want one from %d, which it had, to %d, which came later", gone.Revision, stored.Revision, kept)
	}
	expectChange(t, changes, transport.Synced, "", "")
}

// A stream that is lost is made again, with revisions that were never there.
func TestStoreLost(t *testing.T) {
	t.Parallel()
	_, srv := startStores(t)
	js := streamsOf(t, srv.ClientURL())
	s := openStore(t, dial(t, srv.ClientURL()))
	changes := watchStore(t, s, "")
	expectChange(t, changes, transport.Synced, "", "")
	for i, again := range []func(rev transport.Revision) error{
		func(rev transport.Revision) error {
			_, err := s.Put(soon(t), "k", nil, rev, 0)
			return err
		},
		func(rev transport.Revision) error { return s.Delete(soon(t), "k", rev) },
	} {
		rev := put(t, s, "k", "1", 0, 0)
		expectChange(t, changes, transport.Stored, "k", "1")
		if err := js.DeleteStream(soon(t), "KV_b"); err != nil {
			t.Fatal(err)
		}
		if err := again(rev); !errors.Is(err, transport.ErrConflict) {
			t.Errorf("%d: a write with a revision of the lost stream = %v, want ErrConflict", i, err)
		}
		expectChange(t, changes, transport.Deleted, "k", "")
		expectChange(t, changes, transport.Synced, "", "")
		if _, err := s.Get(soon(t), "k"); !errors.Is(err, transport.ErrNotFound) {
			t.Errorf("%d: Get() of what is lost = %v, want ErrNotFound", i, err)
		}
	}
	if err := js.DeleteStream(soon(t), "KV_b"); err != nil {
		t.Fatal(err)
	}
	for e, err := range s.List(soon(t), "") {
		t.Errorf("List() of what is lost = %v, %v, want nothing", e, err)
	}
}

func TestOpenStoreRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, server.Options{JetStream: true, StoreDir: t.TempDir()})
	js := streamsOf(t, s.ClientURL())
	for _, kv := range []jetstream.KeyValueConfig{{Bucket: "history", History: 5}, {Bucket: "old"}, {Bucket: "aged", LimitMarkerTTL: time.Minute, TTL: time.Hour}} {
		if _, err := js.CreateKeyValue(soon(t), kv); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateStream(soon(t), jetstream.StreamConfig{Name: "KV_other", Subjects: []string{"orders"}}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s.ClientURL())
	for name, want := range map[string]string{"history": "5 messages", "old": "expire", "aged": "by age", "other": "orders"} {
		st, err := c.OpenStore(soon(t), transport.StoreConfig{Name: name})
		if !errors.Is(err, transport.ErrStoreUnavailable) || st != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenStore(%q) = %v, %v, want ErrStoreUnavailable that says %q", name, st, err, want)
		}
	}
	bare := start(t, server.Options{})
	st, err := dial(t, bare.ClientURL()).OpenStore(soon(t), transport.StoreConfig{Name: "b"})
	if !errors.Is(err, transport.ErrStoreUnavailable) || st != nil || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("OpenStore() on a server without JetStream = %v, %v, want ErrStoreUnavailable that says so", st, err)
	}
	if st, err := c.OpenStore(soon(t), transport.StoreConfig{Name: "b", Replicas: 3}); !errors.Is(err, transport.ErrStoreUnavailable) || st != nil || !strings.Contains(err.Error(), "Replicas") {
		t.Errorf("OpenStore(3 replicas) on one server = %v, %v, want ErrStoreUnavailable that says so", st, err)
	}
}

// A bucket that another client has made will do if it can do what is needed.
func TestOpenStoreTakesBucket(t *testing.T) {
	t.Parallel()
	_, srv := startStores(t)
	js := streamsOf(t, srv.ClientURL())
	kv, err := js.CreateKeyValue(soon(t), jetstream.KeyValueConfig{Bucket: "b", LimitMarkerTTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(soon(t), "n.1", []byte("theirs")); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dial(t, srv.ClientURL()))
	changes := watchStore(t, s, "n")
	first := expectChange(t, changes, transport.Stored, "n.1", "theirs")
	expectChange(t, changes, transport.Synced, "", "")
	put(t, s, "n.1", "ours", first.Revision, 0)
	expectChange(t, changes, transport.Stored, "n.1", "ours")
	if e, err := kv.Get(soon(t), "n.1"); err != nil || string(e.Value()) != "ours" {
		t.Errorf("the other client's Get() = %v, %v, want what was put", e, err)
	}
	if err := kv.Delete(soon(t), "n.1"); err != nil {
		t.Fatal(err)
	}
	expectChange(t, changes, transport.Deleted, "n.1", "")
	put(t, s, "n.1", "again", 0, 0)
}

func TestStoreDenied(t *testing.T) {
	t.Parallel()
	deny := func(publish ...string) *server.Permissions {
		return &server.Permissions{Publish: &server.SubjectPermission{Deny: publish}}
	}
	srv := start(t, server.Options{JetStream: true, StoreDir: t.TempDir(), Users: []*server.User{
		{Username: "all", Password: "p"},
		{Username: "none", Password: "p", Permissions: deny("$JS.API.>")},
		{Username: "reader", Password: "p", Permissions: deny("$KV.>", "$JS.API.STREAM.CREATE.>")},
		{Username: "deaf", Password: "p", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.>"}}}},
	}})
	conn := func(user string) *atnats.Conn { return dial(t, "nats://"+user+":p@"+srv.Addr().String()) }
	expect := func(what string, err error, subject string) {
		t.Helper()
		if !errors.Is(err, transport.ErrDenied) || !strings.Contains(err.Error(), subject) {
			t.Errorf("%s = %v, want ErrDenied that names %s", what, err, subject)
		}
	}
	_, err := conn("none").OpenStore(soon(t), transport.StoreConfig{Name: "b"})
	expect("OpenStore() without the API", err, "$JS.API.STREAM.INFO.KV_b")
	_, err = conn("reader").OpenStore(soon(t), transport.StoreConfig{Name: "b"})
	expect("OpenStore() without the right to make it", err, "$JS.API.STREAM.CREATE.KV_b")
	_, err = conn("deaf").OpenStore(soon(t), transport.StoreConfig{Name: "b"})
	expect("OpenStore() without an inbox", err, "_INBOX.")
	put(t, openStore(t, conn("all")), "k", "x", 0, 0)
	reader := openStore(t, conn("reader"))
	if e, err := reader.Get(soon(t), "k"); err != nil || string(e.Value) != "x" {
		t.Errorf("Get() by who may not write = %q, %v, want the record", e.Value, err)
	}
	_, err = reader.Put(soon(t), "k", nil, 0, 0)
	expect("Put() by who may not write", err, "$KV.b.k")

	nc := program(t, "nats://reader:p@"+srv.Addr().String())
	lent, err := atnats.Use(nc)
	if err != nil {
		t.Fatal(err)
	}
	defer lent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = openStore(t, lent).Put(ctx, "k", nil, 0, 0)
	expect("Put() on a borrowed connection", err, "$KV.b.k")
}

// The inbox of a connection may have a prefix of its own.
func TestStoreInbox(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{JetStream: true, StoreDir: t.TempDir(), Users: []*server.User{{Username: "jobs", Password: "p", Permissions: &server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.jobs.>", "at-store.b.>"}},
	}}}})
	c := dial(t, "nats://jobs:p@"+srv.Addr().String(), atnats.ClientOptions(nats.CustomInboxPrefix("_INBOX.jobs")))
	s := openStore(t, c)
	changes := watchStore(t, s, "")
	expectChange(t, changes, transport.Synced, "", "")
	put(t, s, "k", "x", 0, 0)
	expectChange(t, changes, transport.Stored, "k", "x")
	if err := c.Flush(soon(t)); err != nil {
		t.Errorf("Flush() = %v, want nil", err)
	}
}
