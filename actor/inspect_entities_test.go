package actor_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestEntitiesAreShown: info counts the entities of a kind and what its methods
// did, and Entities lists them with their owners.
func TestEntitiesAreShown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		entered, leave := make(chan struct{}), make(chan struct{})
		kind := actor.DeclareKind[account]("vault")
		add := actor.Method[int, int](kind, "add")
		hold := actor.Method[int, int](kind, "hold")
		host := start(t, b, actor.Config{}, kind.With(
			add.With((*account).Add),
			hold.With(func(a *account, _ context.Context, n int) (int, error) {
				entered <- struct{}{}
				<-leave
				return a.Balance, nil
			}),
		))
		asking := start(t, b, actor.Config{})
		ctx := asking.Context(t.Context())
		for _, key := range []string{"b", "a/1", "c"} {
			if _, err := add.Ask(ctx, key, 1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := add.Ask(ctx, "c", -5); err == nil {
			t.Fatal("an account is overdrawn")
		}
		pass(1500 * time.Millisecond)
		var held []*actor.Future[int]
		for range 3 {
			held = append(held, hold.Start(ctx, "b", 1))
		}
		<-entered
		pass(100 * time.Millisecond)
		got, cut, err := asking.Entities(ctx, "vault", 50*time.Millisecond)
		want := []actor.EntityInfo{
			{Kind: "vault", Key: "a/1", Node: host.ID(), Epoch: 1, IdleMS: 1600},
			{Kind: "vault", Key: "b", Node: host.ID(), Epoch: 1, Running: 1, Waiting: 2},
			{Kind: "vault", Key: "c", Node: host.ID(), Epoch: 1, IdleMS: 1600},
		}
		for i := range got {
			got[i].IdleMS -= got[i].IdleMS % 100
		}
		if d := cmp.Diff(want, got); d != "" || cut || err != nil {
			t.Errorf("Entities() (-want +got), cut %v, %v:\n%s", cut, err, d)
		}
		nodes, err := asking.Nodes(ctx, 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			if n.Node != host.ID() {
				continue
			}
			if len(n.Kinds) != 1 {
				t.Fatalf("the host has kinds %+v, want one", n.Kinds)
			}
			k := n.Kinds[0]
			if k.Name != "vault" || k.Volatile || k.Entities != 3 || k.Busy != 1 || k.Waiting != 2 || len(k.Methods) != 2 {
				t.Errorf("the kind is %+v, want 3 entities, 1 busy, 2 messages waiting, 2 methods", k)
			}
			if m := k.Methods[0]; m.Name != "add" || m.Calls != 4 || m.Failures != 1 || m.LastError != errPoor.Error() {
				t.Errorf("the method is %+v, want 4 calls of add, 1 failed", m)
			}
		}
		calls, err := asking.Calls(ctx, 50*time.Millisecond)
		if err != nil || len(calls) != 3 || calls[0].Entity != "b" {
			t.Errorf("Calls() = %+v, %v, want 3 to b", calls, err)
		}
		for range held {
			leave <- struct{}{}
			if len(held) > 1 {
				<-entered
			}
			held = held[1:]
		}
		if got, _, err := asking.Entities(ctx, "other", 50*time.Millisecond); len(got) > 0 || err != nil {
			t.Errorf("Entities() of a kind that nobody hosts = %v, %v", got, err)
		}
	})
}
