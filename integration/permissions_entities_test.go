package integration

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// purse is state that the tests of permissions keep.
type purse struct{ Cents int }

var (
	purses   = actor.DeclareKind[purse]("purse")
	purseAdd = actor.Method[int, int](purses, "add")
	purseGet = actor.Method[struct{}, int](purses, "get", actor.ReadOnly())
	purseNag = actor.Method[int, int](purses, "nag")
)

func servePurses() actor.Servable {
	return purses.With(
		purseAdd.With(func(p *purse, _ context.Context, n int) (int, error) {
			p.Cents += n
			return p.Cents, nil
		}),
		purseGet.With(func(p *purse, _ context.Context, _ struct{}) (int, error) { return p.Cents, nil }),
		purseNag.With(func(p *purse, ctx context.Context, n int) (int, error) {
			return p.Cents, actor.Remind(ctx, "nag", time.Now(), purseAdd, n)
		}),
	)
}

// host starts a node of a role that hosts purses.
func (s guarded) host(t *testing.T, role string, log *complaints) *actor.Node {
	t.Helper()
	n, err := actor.Start(t.Context(), s.keeper(t, role), actor.Config{Namespace: "shop", Group: role, NoLocal: true, Logger: slog.New(log)})
	if err != nil {
		t.Fatalf("%s: Start() = %v", role, err)
	}
	t.Cleanup(func() { n.Close() })
	if err := n.Serve(servePurses()); err != nil {
		t.Fatalf("%s: Serve() = %v", role, err)
	}
	return n
}

// TestPermissionsOfEntities: with the documented permissions jobs and app host
// entities, web and app ask them, keys go from one host to another, reminders
// come, and no node is refused anything.
func TestPermissionsOfEntities(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	store := transport.StoreConfig{Name: "at-shop", Schedules: true}
	if _, err := s.keeper(t, admin).OpenStore(ctx, store); err != nil {
		t.Fatal(err)
	}
	var log complaints
	jobs := s.host(t, "jobs", &log)
	web := s.node(t, "web", &log)
	const keys = 20
	add := func(by *actor.Node, want int) {
		t.Helper()
		for i := range keys {
			if got, err := purseAdd.Ask(by.Context(ctx), fmt.Sprint("key ", i), 1); got != want || err != nil {
				t.Fatalf("add to key %d = %d, %v, want %d", i, got, err, want)
			}
		}
	}
	add(web, 1)
	app := s.host(t, "app", &log)
	add(web, 2)
	add(app, 3)
	if err := jobs.Close(); err != nil {
		t.Fatal(err)
	}
	add(web, 4)
	if _, err := purseNag.Ask(web.Context(ctx), "nagged", 7); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := purseGet.Ask(web.Context(ctx), "nagged", struct{}{})
		if err != nil {
			t.Fatalf("get = %v", err)
		}
		if got == 7 {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	if bad := slices.Concat(log.of("denied"), log.of("ermission"), log.of("ERROR")); len(bad) > 0 {
		t.Errorf("nodes lack permissions: %q", bad)
	}
	conn, err := atnats.Connect(ctx, s.ClientURL(), atnats.UserPassword("web", password("web")))
	if err != nil {
		t.Fatal(err)
	}
	if st, err := conn.OpenStore(ctx, store); err == nil {
		t.Errorf("web opens the store: %v, want a refusal", st)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}
