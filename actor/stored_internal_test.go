package actor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// tally is state of the tests below.
type tally struct{ N int }

// tallies is a kind whose methods may be held up.
type tallies struct {
	kind *Kind[tally]
	add  *KindMethod[int, int, tally]
	get  *KindMethod[string, int, tally]
	look *KindMethod[string, int, tally]
	fail *KindMethod[string, int, tally]

	entered chan string   // says which method waits
	leave   chan struct{} // lets it return
}

func newTallies() *tallies {
	k := DeclareKind[tally]("tally")
	return &tallies{
		kind: k,
		add:  Method[int, int](k, "add"),
		get:  Method[string, int](k, "get", ReadOnly()),
		look: Method[string, int](k, "look", ReadOnly(), Stale()),
		fail: Method[string, int](k, "fail"),

		entered: make(chan string),
		leave:   make(chan struct{}),
	}
}

var errTally = errors.New("no")

func (s *tallies) servable() Servable {
	read := func(t *tally, _ context.Context, wait string) (int, error) {
		n := t.N
		if wait != "" {
			s.entered <- wait
			<-s.leave
		}
		return n, nil
	}
	return s.kind.With(
		s.add.With(func(t *tally, _ context.Context, n int) (int, error) {
			t.N += n
			if n == 0 {
				s.entered <- "add"
				<-s.leave
				t.N++
			}
			return t.N, nil
		}),
		s.get.With(read), s.look.With(read),
		s.fail.With(func(t *tally, _ context.Context, wait string) (int, error) {
			n := t.N
			if wait != "" {
				s.entered <- wait
				<-s.leave
			}
			return 0, fmt.Errorf("%w: it is %d", errTally, n)
		}),
	)
}

// keyOf returns a key that one node owns once the other hosts, too.
func keyOf(owner, other *member) string {
	for i := 0; ; i++ {
		key := fmt.Sprint("k", i)
		if wire.Score(wire.HostSeed(owner.ID(), "tally"), key) > wire.Score(wire.HostSeed(other.ID(), "tally"), key) {
			return key
		}
	}
}

// deaf makes a node ask others in vain to let go of an entity.
func (m *member) deaf() {
	m.conn.dropping(func(msg *transport.Message) bool { return isVerb(wire.VerbRelease)(msg.Subject) })
}

// TestZombieSavesNothing: a method that ends on a node from which another one
// has taken the entity over is refused, and what it did has no effect.
func TestZombieSavesNothing(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := newTallies()
		zombie, next := r.node(Config{}, s.servable()), r.node(Config{})
		key := keyOf(next, zombie)
		if got, err := s.add.Ask(zombie.under(), key, 5); got != 5 || err != nil {
			t.Fatalf("add = %d, %v, want 5", got, err)
		}
		late := s.add.Start(zombie.under(), key, 0)
		<-s.entered
		next.deaf()
		if err := next.Serve(s.servable()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.add.Ask(next.under(), key, 2); got != 7 || err != nil {
			t.Fatalf("add on the next owner = %d, %v, want 7", got, err)
		}
		close(s.leave)
		if got, err := late.Await(zombie.under()); !errors.Is(err, ErrConflict) {
			t.Errorf("the zombie's answer = %d, %v, want %v", got, err, ErrConflict)
		}
		if got, err := s.get.Ask(zombie.under(), key, ""); got != 7 || err != nil {
			t.Errorf("get = %d, %v, want 7", got, err)
		}
	})
}

// TestZombieAnswersNothing: what a node read of an entity that was taken from
// it is no answer, unless the method is content with that.
func TestZombieAnswersNothing(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"get", "fail", "look"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				s := newTallies()
				zombie, next := r.node(Config{}, s.servable()), r.node(Config{})
				key := keyOf(next, zombie)
				if got, err := s.add.Ask(zombie.under(), key, 5); got != 5 || err != nil {
					t.Fatalf("add = %d, %v, want 5", got, err)
				}
				m := map[string]*KindMethod[string, int, tally]{"get": s.get, "fail": s.fail, "look": s.look}[method]
				late := m.Start(zombie.under(), key, "wait")
				<-s.entered
				next.deaf()
				if err := next.Serve(s.servable()); err != nil {
					t.Fatal(err)
				}
				if got, err := s.add.Ask(next.under(), key, 2); got != 7 || err != nil {
					t.Fatalf("add on the next owner = %d, %v, want 7", got, err)
				}
				close(s.leave)
				got, err := late.Await(zombie.under())
				if method == "look" {
					if got != 5 || err != nil {
						t.Errorf("look = %d, %v, want 5, which is stale", got, err)
					}
				} else if !errors.Is(err, ErrConflict) || strings.Contains(err.Error(), "it is 5") {
					t.Errorf("%s = %d, %v, want %v", method, got, err, ErrConflict)
				}
				pause(time.Second)
				if got, err := s.get.Ask(zombie.under(), key, ""); got != 7 || err != nil {
					t.Errorf("get afterwards = %d, %v, want 7", got, err)
				}
			})
		})
	}
}

// TestOwnerFrozen: a frozen owner's keys answer elsewhere within seconds, and
// when it wakes it serves what is there by then.
func TestOwnerFrozen(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := newTallies()
		owner, other, caller := r.node(Config{}, s.servable()), r.node(Config{}, s.servable()), r.node(Config{})
		key := keyOf(owner, other)
		if got, err := s.add.Ask(caller.under(), key, 5); got != 5 || err != nil {
			t.Fatalf("add = %d, %v, want 5", got, err)
		}
		owner.freeze()
		begun := time.Now()
		want := 5
		for try := 1; ; try++ {
			ctx, cancel := context.WithTimeout(caller.under(), 5*time.Second)
			got, err := s.add.Ask(ctx, key, 1)
			cancel()
			if err == nil {
				if want++; got != want {
					t.Fatalf("add = %d, want %d", got, want)
				}
				break
			}
			if !errors.Is(err, ErrWorkerLost) && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("add = %v", err)
			}
			if time.Since(begun) > 16*time.Second {
				t.Fatalf("no answer %v after the freeze", time.Since(begun))
			}
		}
		pause(20 * time.Second)
		owner.thaw()
		for range 20 {
			want++
			if got, err := s.add.Ask(caller.under(), key, 1); got != want || err != nil {
				t.Fatalf("add after the thaw = %d, %v, want %d", got, err, want)
			}
			pause(300 * time.Millisecond)
		}
	})
}

// TestSaveSettled: whatever becomes of a write, or of the answer to it, a
// method that succeeds has been saved once.
func TestSaveSettled(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]storeFault{"answer lost": storeLost, "write lost": storeDropped, "store down": storeDown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				s := newTallies()
				node := r.node(Config{}, s.servable())
				want := 0
				for _, times := range []int32{1, 2, 5} {
					for _, prefix := range []string{"state.", "host."} {
						var left atomic.Int32
						left.Store(times)
						node.conn.failing(func(key string) storeFault {
							if strings.HasPrefix(key, prefix) && left.Add(-1) >= 0 {
								return fault
							}
							return storeFine
						})
						want += 3
						if got, err := s.add.Ask(node.under(), "k", 3); got != want || err != nil {
							t.Fatalf("add with %d faults of %s = %d, %v, want %d", times, prefix, got, err, want)
						}
						if got, err := s.get.Ask(node.under(), "k", ""); got != want || err != nil {
							t.Fatalf("get with %d faults of %s = %d, %v, want %d", times, prefix, got, err, want)
						}
						if left.Load() > 0 {
							t.Fatalf("%d faults of %s did not take place", left.Load(), prefix)
						}
					}
				}
				node.conn.failing(nil)
				if err := s.kind.Delete(node.under(), "k"); err != nil {
					t.Fatal(err)
				}
				var left atomic.Int32
				left.Store(2)
				if got, err := s.add.Ask(node.under(), "k", 1); got != 1 || err != nil {
					t.Fatalf("add after Delete = %d, %v, want 1", got, err)
				}
				node.conn.failing(func(string) storeFault {
					if left.Add(-1) >= 0 {
						return fault
					}
					return storeFine
				})
				if err := s.kind.Delete(node.under(), "k"); err != nil {
					t.Errorf("Delete() = %v", err)
				}
				if got, err := s.get.Ask(node.under(), "k", ""); got != 0 || err != nil {
					t.Errorf("get after Delete = %d, %v, want 0", got, err)
				}
			})
		})
	}
}

// TestStoreDownForLong: a method whose state cannot be saved changes nothing
// and says so, and the entity goes on when the store does.
func TestStoreDownForLong(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := newTallies()
		node, caller := r.node(Config{Patience: 2 * time.Second}, s.servable()), r.node(Config{})
		if got, err := s.add.Ask(caller.under(), "k", 3); got != 3 || err != nil {
			t.Fatalf("add = %d, %v, want 3", got, err)
		}
		for name, fault := range map[storeFault]error{storeDown: ErrUnsaved, storeDropped: ErrWorkerLost, storeLost: ErrWorkerLost} {
			node.conn.failing(func(string) storeFault { return name })
			if got, err := s.add.Ask(caller.under(), "k", 1); !errors.Is(err, fault) {
				t.Errorf("add while the store is down (%d) = %d, %v, want %v", name, got, err, fault)
			}
			node.conn.failing(nil)
			pause(20 * time.Second)
			got, err := s.get.Ask(caller.under(), "k", "")
			if err != nil || name != storeLost && got != 3 {
				t.Errorf("get afterwards (%d) = %d, %v, want 3", name, got, err)
			}
			if got == 4 {
				if got, err := s.add.Ask(caller.under(), "k", -1); got != 3 || err != nil {
					t.Errorf("add afterwards = %d, %v, want 3", got, err)
				}
			}
		}
	})
}

// TestLeaseLost: a node whose lease was revoked, or has expired, claims its
// entities anew, and no ask fails.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := newTallies()
		node, other := r.node(Config{}, s.servable()), r.node(Config{}, s.servable())
		key := keyOf(node, other)
		want := 0
		for range 5 {
			for range 3 {
				want++
				if got, err := s.add.Ask(other.under(), key, 1); got != want || err != nil {
					t.Fatalf("add = %d, %v, want %d", got, err, want)
				}
				if got, err := s.get.Ask(other.under(), key, ""); got != want || err != nil {
					t.Fatalf("get = %d, %v, want %d", got, err, want)
				}
			}
			k := node.keeper.Load()
			number := k.lease.held.Load()
			if err := other.keeper.Load().revoke(t.Context(), node.ID(), number); err != nil {
				t.Fatal(err)
			}
			if err := k.lease.proven(t.Context(), number); !errors.Is(err, errLeaseLost) {
				t.Fatalf("proven() after the lease was revoked = %v, want %v", err, errLeaseLost)
			}
		}
	})
}

// TestReminderUnderFaults: a reminder comes once, whatever is lost on the way to
// the store, and is none when its method could not be saved.
func TestReminderUnderFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]storeFault{"answer lost": storeLost, "write lost": storeDropped, "store down": storeDown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				k := DeclareKind[tally]("tally")
				add := Method[int, int](k, "add")
				later := Method[int, int](k, "later")
				get := Method[string, int](k, "get", ReadOnly())
				node := r.node(Config{Patience: time.Second}, k.With(
					add.With(func(t *tally, _ context.Context, n int) (int, error) { t.N += n; return t.N, nil }),
					get.With(func(t *tally, _ context.Context, _ string) (int, error) { return t.N, nil }),
					later.With(func(_ *tally, ctx context.Context, n int) (int, error) {
						return 0, Remind(ctx, "r", time.Now().Add(5*time.Second), add, n)
					}),
				))
				for i, prefix := range []string{"due.", "state.", "host."} {
					var left atomic.Int32
					left.Store(2)
					node.conn.failing(func(key string) storeFault {
						if strings.HasPrefix(key, prefix) && left.Add(-1) >= 0 {
							return fault
						}
						return storeFine
					})
					if _, err := later.Ask(node.under(), "k", 1); err != nil {
						t.Fatalf("later, with faults of %s = %v", prefix, err)
					}
					pause(time.Minute)
					if got, err := get.Ask(node.under(), "k", ""); got != i+1 || err != nil {
						t.Fatalf("after a reminder with faults of %s: %d, %v, want %d", prefix, got, err, i+1)
					}
				}
				node.conn.failing(func(key string) storeFault {
					if strings.HasPrefix(key, "state.") {
						return fault
					}
					return storeFine
				})
				if _, err := later.Ask(node.under(), "gone", 1); err == nil {
					t.Fatal("a method was saved while nothing could be")
				}
				node.conn.failing(nil)
				pause(time.Minute)
				got, err := get.Ask(node.under(), "gone", "")
				if want := 0; err != nil || got != want && fault != storeLost {
					t.Errorf("after a reminder that was not saved: %d, %v, want %d", got, err, want)
				}
			})
		})
	}
}
