package integration

import (
	"context"
	"errors"
	"testing"
	"time"

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
	shop := transport.StoreConfig{Name: "shop"}
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
	_, err = s.Get(ctx, key)
	return errors.Join(err, s.Delete(ctx, key, rev), w.Close(), s.Close())
}
