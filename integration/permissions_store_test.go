package integration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// keeper connects as a role that keeps records, with an inbox of its own.
func (s guarded) keeper(t *testing.T, role string) *atnats.Conn {
	t.Helper()
	c, err := atnats.Connect(t.Context(), s.ClientURL(), atnats.UserPassword(role, password(role)),
		atnats.ClientOptions(nats.CustomInboxPrefix("_INBOX."+role)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestPermissionsOfStores: with the documented permissions jobs and app do
// everything with a store that is there, and are refused nothing; they cannot
// make it, and the others cannot reach it.
func TestPermissionsOfStores(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	shop := transport.StoreConfig{Name: "at-shop", Schedules: true}
	for _, role := range roles {
		if st, err := s.keeper(t, role).OpenStore(ctx, shop); !errors.Is(err, transport.ErrDenied) || st != nil {
			t.Errorf("%s: OpenStore() of what is not there = %v, %v, want ErrDenied", role, st, err)
		}
	}
	if _, err := s.keeper(t, admin).OpenStore(ctx, shop); err != nil {
		t.Fatalf("OpenStore() = %v, want nil", err)
	}
	for _, role := range []string{"web", "ops", "tool"} {
		if st, err := s.keeper(t, role).OpenStore(ctx, shop); !errors.Is(err, transport.ErrDenied) || st != nil {
			t.Errorf("%s: OpenStore() = %v, %v, want ErrDenied", role, st, err)
		}
	}
	for _, role := range []string{"jobs", "app"} {
		c := s.keeper(t, role)
		if err := useStore(ctx, c, shop, "n."+role); err != nil {
			t.Errorf("%s: %v", role, err)
		}
		if err := c.Flush(ctx); err != nil {
			t.Errorf("%s: Flush() after everything = %v, want nil: nothing was refused", role, err)
		}
	}
}

// useStore does everything that a store is for.
func useStore(ctx context.Context, c *atnats.Conn, cfg transport.StoreConfig, key string) error {
	s, err := c.OpenStore(ctx, cfg)
	if err != nil {
		return err
	}
	changes := make(chan transport.Change, 100)
	w, err := s.Watch("n", func(c transport.Change) { changes <- c })
	if err != nil {
		return err
	}
	rev, err := s.Put(ctx, key, []byte("x"), 0, time.Minute)
	if err != nil {
		return err
	}
	for seen := false; !seen; {
		select {
		case c := <-changes:
			seen = c.Kind == transport.Stored && c.Entry.Key == key
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, err := range s.List(ctx, "n") {
		if err != nil {
			return err
		}
	}
	if _, err := s.Get(ctx, key); err != nil {
		return err
	}
	scheduler, ok := s.(transport.Scheduler)
	if !ok {
		return errors.New("the store takes no schedules")
	}
	return errors.Join(
		scheduler.Schedule(ctx, key+"-later", []byte("x"), time.Now().Add(time.Hour)),
		scheduler.Schedule(ctx, key+"-later", []byte("y"), time.Now().Add(time.Hour)),
		scheduler.Unschedule(ctx, key+"-later"),
		s.Delete(ctx, key, rev), w.Close(), s.Close(),
	)
}

// TestSchedulesStayInStore: who may write to a store cannot have the server
// publish anywhere else, neither what it sends nor what is stored elsewhere.
func TestSchedulesStayInStore(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stores []transport.Store
	for _, name := range []string{"at-shop", "other"} {
		st, err := s.keeper(t, admin).OpenStore(ctx, transport.StoreConfig{Name: name, Schedules: true})
		if err != nil {
			t.Fatalf("OpenStore() = %v, want nil", err)
		}
		stores = append(stores, st)
	}
	if _, err := stores[1].Put(ctx, "secret", []byte("secret"), 0, 0); err != nil {
		t.Fatalf("Put() = %v, want nil", err)
	}
	heard := make(chan string, 1000)
	listener := s.connect(t, admin)
	for _, subject := range []string{"at.>", "$JS.API.STREAM.DELETE.>", "$SYS.>", "at-store.other.>"} {
		if _, err := listener.Subscribe(subject, func(m *nats.Msg) { heard <- m.Subject }); err != nil {
			t.Fatal(err)
		}
	}
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}

	nc := s.connect(t, "jobs")
	schedule := func(subject, target, source string) (answer string) {
		m := &nats.Msg{Subject: subject, Data: []byte("x"), Header: nats.Header{
			"Nats-Schedule":        []string{"@at " + time.Now().UTC().Format(time.RFC3339Nano)},
			"Nats-Schedule-Target": []string{target},
		}}
		if source != "" {
			m.Header["Nats-Schedule-Source"] = []string{source}
		}
		reply, err := nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			t.Fatalf("a schedule for %s: %v, want an answer", target, err)
		}
		return string(reply.Data)
	}
	for _, from := range []string{"at-schedule.at-shop.n.1.x", "$KV.at-shop.n.1"} {
		for _, target := range []string{
			"at.shop.node.all.drain", "at.shop.task.x", "at.other.task.x", "$JS.API.STREAM.DELETE.KV_at-shop", "$SYS.REQ.SERVER.PING",
			"$KV.other.n.1", "at-schedule.other.n.1.x", "at-store.other.n.1", "$KV.at-shop.>", "$KV.at-shop.*",
		} {
			if answer := schedule(from, target, ""); !strings.Contains(answer, "target is invalid") {
				t.Errorf("a schedule at %s for %s: the server says %s, want that it is refused", from, target, answer)
			}
		}
		if answer := schedule(from, "$KV.at-shop.n.2", "$KV.other.secret"); !strings.Contains(answer, "source is invalid") {
			t.Errorf("a schedule of what another store holds: the server says %s, want that it is refused", answer)
		}
	}
	// What is allowed comes due after whatever came before it.
	if answer := schedule("at-schedule.at-shop.n.3.x", "$KV.at-shop.n.3", ""); strings.Contains(answer, "error") {
		t.Fatalf("a schedule within the store: the server says %s", answer)
	}
	for {
		if e, err := stores[0].Get(ctx, "n.3"); err == nil {
			if string(e.Value) != "x" {
				t.Errorf("the record is %q, want %q", e.Value, "x")
			}
			break
		}
		if ctx.Err() != nil {
			t.Fatal("what was scheduled within the store does not come due")
		}
		if err := listener.FlushWithContext(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for len(heard) > 0 {
		t.Errorf("the server has published to %s", <-heard)
	}
}

// TestStoreIsOneCircle shows what docs/security.md says of a role that may write
// some keys only: it keeps honest programs apart, and is no boundary.
func TestStoreIsOneCircle(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, func(o *server.Options) {
		o.Users = append(o.Users, &server.User{Username: "narrow", Password: password("narrow"), Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"$KV.at-shop.mine.>"}},
		}})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	st, err := s.keeper(t, admin).OpenStore(ctx, transport.StoreConfig{Name: "at-shop"})
	if err != nil {
		t.Fatalf("OpenStore() = %v, want nil", err)
	}
	if _, err := st.Put(ctx, "theirs", []byte("x"), 0, 0); err != nil {
		t.Fatalf("Put() = %v, want nil", err)
	}
	m := &nats.Msg{Subject: "$KV.at-shop.mine.a", Header: nats.Header{"Nats-Rollup": []string{"all"}}}
	if _, err := s.connect(t, "narrow").RequestMsgWithContext(ctx, m); err != nil {
		t.Fatalf("a rollup: %v, want an answer", err)
	}
	if e, err := st.Get(ctx, "theirs"); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("Get() after a rollup of another key = %q, %v: the server keeps keys apart now, so say so in docs/security.md", e.Value, err)
	}
}
