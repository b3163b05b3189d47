package actor_test

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

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// The kinds of kind_test.go, with state that outlives its owner.
var (
	vaults    = actor.DeclareKind[account]("vault", actor.IdleAfter(time.Minute))
	vaultAdd  = actor.Method[int, int](vaults, "add")
	vaultGet  = actor.Method[struct{}, int](vaults, "get", actor.ReadOnly())
	vaultLook = actor.Method[struct{}, int](vaults, "look", actor.ReadOnly(), actor.Stale())

	diaries    = actor.DeclareKind[book]("diary")
	diaryWrite = actor.Method[string, []string](diaries, "write")
)

func keepAll() []actor.Servable {
	return []actor.Servable{
		vaults.With(vaultAdd.With((*account).Add), vaultGet.With((*account).Get), vaultLook.With((*account).Get)),
		diaries.With(diaryWrite.With((*book).Write)),
	}
}

// keepers starts nodes that host the kinds whose state is kept.
func keepers(t *testing.T, b *loopback.Broker, n int, cfg actor.Config) []*actor.Node {
	t.Helper()
	cfg.Errors = append(cfg.Errors, actor.SentinelError("poor", errPoor))
	nodes := make([]*actor.Node, n)
	for i := range nodes {
		nodes[i] = start(t, b, cfg)
		if err := nodes[i].Serve(keepAll()...); err != nil {
			t.Fatalf("Serve() = %v", err)
		}
	}
	return nodes
}

// stored lists the keys of the records that a namespace's nodes keep.
func stored(t *testing.T, b *loopback.Broker, prefix string) []string {
	t.Helper()
	c, err := b.Connect()
	if err != nil {
		t.Fatalf("Connect() = %v", err)
	}
	defer c.Close()
	s, err := c.(transport.Storer).OpenStore(t.Context(), transport.StoreConfig{Name: "at-default"})
	if err != nil {
		t.Fatalf("OpenStore() = %v", err)
	}
	var keys []string
	for e, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List() = %v", err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

// TestStoredStateOutlivesItsOwner: what was answered is there, whichever node
// is asked, when the node that had it has left or has died.
func TestStoredStateOutlivesItsOwner(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"drained", "killed"} {
		t.Run(how, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				asking := start(t, b, actor.Config{Errors: []actor.ErrorType{actor.SentinelError("poor", errPoor)}})
				ctx := asking.Context(t.Context())
				const keys = 20
				sum := 0
				for round := range 4 {
					conn, err := b.Connect()
					if err != nil {
						t.Fatal(err)
					}
					node, err := actor.Start(t.Context(), conn, actor.Config{Errors: []actor.ErrorType{actor.SentinelError("poor", errPoor)}})
					if err != nil {
						t.Fatal(err)
					}
					if err := node.Serve(keepAll()...); err != nil {
						t.Fatalf("Serve() = %v", err)
					}
					sum += round + 1
					for i := range keys {
						key := fmt.Sprintf("key %d", i)
						if got, err := vaultAdd.Ask(ctx, key, round+1); got != sum || err != nil {
							t.Fatalf("round %d: add to %q = %d, %v, want %d", round, key, got, err, sum)
						}
						if got, err := vaultAdd.Ask(ctx, key, -1000); got != 0 || !errors.Is(err, errPoor) {
							t.Fatalf("round %d: add to %q = %d, %v, want %v", round, key, got, err, errPoor)
						}
						want := slices.Repeat([]string{key}, round+1)
						if got, err := diaryWrite.Ask(ctx, key, key); !slices.Equal(got, want) || err != nil {
							t.Fatalf("round %d: write to %q = %q, %v, want %q", round, key, got, err, want)
						}
					}
					if how == "drained" {
						if err := node.Close(); err != nil {
							t.Fatalf("Close() = %v", err)
						}
						if left := stored(t, b, "host"); slices.Contains(left, "host."+node.ID()) {
							t.Errorf("round %d: the lease is left", round)
						}
						continue
					}
					_ = conn.Close()
					<-node.Done()
				}
			})
		})
	}
}

// TestStoredHandOver: the state moves with the key when a host joins or
// leaves, and no ask fails.
func TestStoredHandOver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		asking := start(t, b, actor.Config{})
		ctx := asking.Context(t.Context())
		keepers(t, b, 1, actor.Config{})
		const callers = 16
		var asked [callers]atomic.Int64
		var group sync.WaitGroup
		stop := make(chan struct{})
		for i := range callers {
			group.Go(func() {
				key := fmt.Sprint(i)
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
					if got, err := vaultAdd.Ask(ctx, key, 1); got != n || err != nil {
						t.Errorf("ask %d of %s = %d, %v", n, key, got, err)
						return
					}
					asked[i].Add(1)
				}
			})
		}
		pass(100 * time.Millisecond)
		var left []*actor.Node
		for range 4 {
			left = append(left, keepers(t, b, 1, actor.Config{})...)
			pass(200 * time.Millisecond)
		}
		for _, node := range left {
			if err := node.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
			pass(100 * time.Millisecond)
		}
		close(stop)
		group.Wait()
		for i := range asked {
			if n := asked[i].Load(); n < 200 {
				t.Errorf("caller %d asked only %d times", i, n)
			}
		}
	})
}

// TestStoredDelete: a deleted entity begins anew and leaves no record; so does
// one that was only read.
func TestStoredDelete(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		node := keepers(t, b, 1, actor.Config{})[0]
		ctx := node.Context(t.Context())
		for range 2 {
			if got, err := vaultAdd.Ask(ctx, "a", 5); got != 5 || err != nil {
				t.Fatalf("add = %d, %v, want 5", got, err)
			}
			if got := stored(t, b, "state"); !slices.Equal(got, []string{"state.vault.a"}) {
				t.Errorf("records = %q, want that of a", got)
			}
			if err := vaults.Delete(ctx, "a"); err != nil {
				t.Fatalf("Delete() = %v", err)
			}
		}
		if got, err := vaultGet.Ask(ctx, "read only", struct{}{}); got != 0 || err != nil {
			t.Fatalf("get = %d, %v, want 0", got, err)
		}
		if err := vaults.Delete(ctx, "never"); err != nil {
			t.Fatalf("Delete() of what was never there = %v", err)
		}
		pass(2 * time.Minute) // idle entities leave memory
		if got := stored(t, b, "state"); len(got) > 0 {
			t.Errorf("records %q are left", got)
		}
		if got, err := vaultGet.Ask(ctx, "read only", struct{}{}); got != 0 || err != nil {
			t.Fatalf("get = %d, %v, want 0", got, err)
		}
		if err := node.Close(); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, b, "state"); len(got) > 0 {
			t.Errorf("records %q are left after Close", got)
		}
	})
}

// TestStoredRefused: a transport that keeps no records is refused by name.
func TestStoredRefused(t *testing.T) {
	t.Parallel()
	c, err := loopback.New().Connect()
	if err != nil {
		t.Fatal(err)
	}
	node, err := actor.Start(t.Context(), struct{ transport.Conn }{c}, actor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	err = node.Serve(keepAll()...)
	for _, want := range []string{`kind "vault"`, "loopback", "Volatile", "JetStream"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Serve() = %v, want it to say %q", err, want)
		}
	}
}

// Shapes of a state, the newest last.
type (
	shape1 struct{ Name string }
	shape2 struct{ First, Last string }
	shape3 struct{ Names []string }
)

// TestUpgrade: state of an earlier shape is upgraded step by step, stays what
// it was when that fails, and is safe from programs that are behind.
func TestUpgrade(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		errShort := errors.New("no last name")
		to2 := actor.Upgrade(func(v shape1) (shape2, error) {
			first, last, ok := strings.Cut(v.Name, " ")
			if !ok {
				return shape2{}, errShort
			}
			return shape2{first, last}, nil
		})
		to3 := actor.Upgrade(func(v shape2) (shape3, error) { return shape3{[]string{v.First, v.Last}}, nil })
		one := actor.DeclareKind[shape1]("person")
		two := actor.DeclareKind[shape2]("person", to2)
		three := actor.DeclareKind[shape3]("person", to2, to3)
		set := actor.Method[string, string](one, "set")
		get2 := actor.Method[struct{}, string](two, "get", actor.ReadOnly())
		get3 := actor.Method[struct{}, string](three, "get", actor.ReadOnly())
		add3 := actor.Method[string, string](three, "add")
		run := func(s actor.Servable, f func(ctx context.Context)) {
			t.Helper()
			node := start(t, b, actor.Config{})
			if err := node.Serve(s); err != nil {
				t.Fatalf("Serve() = %v", err)
			}
			f(node.Context(t.Context()))
			if err := node.Close(); err != nil {
				t.Fatalf("Close() = %v", err)
			}
		}
		expect := func(got string, err error, want string) {
			t.Helper()
			if got != want || err != nil {
				t.Errorf("answer = %q, %v, want %q", got, err, want)
			}
		}
		run(one.With(set.With(func(s *shape1, _ context.Context, name string) (string, error) { s.Name = name; return name, nil })), func(ctx context.Context) {
			for key, name := range map[string]string{"a": "Ada Lovelace", "b": "Bob"} {
				got, err := set.Ask(ctx, key, name)
				expect(got, err, name)
			}
		})
		serve2 := two.With(get2.With(func(s *shape2, _ context.Context, _ struct{}) (string, error) { return s.Last + ", " + s.First, nil }))
		run(serve2, func(ctx context.Context) {
			got, err := get2.Ask(ctx, "a", struct{}{})
			expect(got, err, "Lovelace, Ada")
			if got, err := get2.Ask(ctx, "b", struct{}{}); err == nil || !strings.Contains(err.Error(), errShort.Error()) {
				t.Errorf("get of b = %q, %v, want %v", got, err, errShort)
			}
		})
		run(three.With(
			get3.With(func(s *shape3, _ context.Context, _ struct{}) (string, error) { return strings.Join(s.Names, "|"), nil }),
			add3.With(func(s *shape3, _ context.Context, name string) (string, error) {
				s.Names = append(s.Names, name)
				return strings.Join(s.Names, "|"), nil
			}),
		), func(ctx context.Context) {
			got, err := get3.Ask(ctx, "a", struct{}{})
			expect(got, err, "Ada|Lovelace")
			got, err = add3.Ask(ctx, "a", "King")
			expect(got, err, "Ada|Lovelace|King")
			got, err = get3.Ask(ctx, "a", struct{}{})
			expect(got, err, "Ada|Lovelace|King")
		})
		run(serve2, func(ctx context.Context) {
			if got, err := get2.Ask(ctx, "a", struct{}{}); err == nil || !strings.Contains(err.Error(), "newer program") {
				t.Errorf("get by a program that is behind = %q, %v", got, err)
			}
		})
	})
}

// TestUpgradeOptions: upgrades that do not fit are refused.
func TestUpgradeOptions(t *testing.T) {
	t.Parallel()
	node := start(t, loopback.New(), actor.Config{})
	up := actor.Upgrade(func(v shape1) (shape2, error) { return shape2{}, nil })
	for name, kind := range map[string]*actor.Kind[shape3]{
		"the last Upgrade makes": actor.DeclareKind[shape3]("a", up),
		"in order":               actor.DeclareKind[shape3]("a", up, up),
		"give it a function":     actor.DeclareKind[shape3]("a", actor.Upgrade[shape1, shape3](nil)),
	} {
		m := actor.Method[int, int](kind, "m")
		err := node.Serve(kind.With(m.With(func(*shape3, context.Context, int) (int, error) { return 0, nil })))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Serve() = %v, want it to say %q", err, name)
		}
	}
}
