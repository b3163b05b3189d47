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
	"github.com/atasks-io/atasks/transport/loopback"
)

// account is state that is copied by assignment, book state that passes the
// codec.
type account struct{ Balance int }

type book struct{ Lines []string }

var errPoor = errors.New("not enough")

func (a *account) Add(_ context.Context, n int) (int, error) {
	a.Balance += n
	switch {
	case a.Balance < 0:
		return 0, errPoor
	case n == 13:
		panic("unlucky")
	}
	return a.Balance, nil
}

func (a *account) Get(context.Context, struct{}) (int, error) { return a.Balance, nil }

func (b *book) Write(_ context.Context, line string) ([]string, error) {
	b.Lines = append(b.Lines, line)
	switch line {
	case "":
		return nil, errPoor
	case "boom":
		panic("unlucky")
	}
	return b.Lines, nil
}

var (
	accounts   = actor.DeclareKind[account]("account", actor.Volatile())
	accountAdd = actor.Method[int, int](accounts, "add")
	accountGet = actor.Method[struct{}, int](accounts, "get", actor.ReadOnly())

	books     = actor.DeclareKind[book]("book", actor.Volatile())
	bookWrite = actor.Method[string, []string](books, "write")
)

func hostAll() []actor.Servable {
	return []actor.Servable{
		accounts.With(accountAdd.With((*account).Add), accountGet.With((*account).Get)),
		books.With(bookWrite.With((*book).Write)),
	}
}

// hosts starts nodes that host all kinds of these tests.
func hosts(t *testing.T, b *loopback.Broker, n int, cfg actor.Config) []*actor.Node {
	t.Helper()
	cfg.Errors = append(cfg.Errors, actor.SentinelError("poor", errPoor))
	nodes := make([]*actor.Node, n)
	for i := range nodes {
		nodes[i] = start(t, b, cfg)
		if err := nodes[i].Serve(hostAll()...); err != nil {
			t.Fatalf("Serve() = %v", err)
		}
	}
	return nodes
}

// ways are the places from which an entity is asked: its own node, by way of
// the broker, and another node.
func ways(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	for _, way := range []string{"here", "here by the broker", "from afar"} {
		t.Run(way, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				node := hosts(t, b, 1, actor.Config{NoLocal: way == "here by the broker"})[0]
				if way == "from afar" {
					node = start(t, b, actor.Config{Errors: []actor.ErrorType{actor.SentinelError("poor", errPoor)}})
				}
				test(t, node.Context(t.Context()))
			})
		})
	}
}

// TestEntityState: state stays behind its key, and changes only when a method
// succeeds.
func TestEntityState(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, ctx context.Context) {
		add := func(key string, n, want int, wantErr error) {
			t.Helper()
			got, err := accountAdd.Ask(ctx, key, n)
			if got != want || !errors.Is(err, wantErr) {
				t.Fatalf("Ask(%q, %d) = %d, %v, want %d, %v", key, n, got, err, want, wantErr)
			}
		}
		add("a", 5, 5, nil)
		add("a b.c/ü", 1, 1, nil)
		add("a", 2, 7, nil)
		add("a", -8, 0, errPoor)
		add("a", 13, 0, actor.ErrPanicked)
		add("a", 0, 7, nil)
		if got, err := accountGet.Ask(ctx, "a b.c/ü", struct{}{}); got != 1 || err != nil {
			t.Errorf("get = %d, %v, want 1", got, err)
		}
		if err := accounts.Delete(ctx, "a"); err != nil {
			t.Fatalf("Delete() = %v", err)
		}
		add("a", 3, 3, nil)
		if err := accounts.Delete(ctx, "never"); err != nil {
			t.Errorf("Delete() of a key without state = %v", err)
		}
	})
}

// TestEntityStateByCodec: the same for state that has slices, whose answers
// nobody can change behind its back.
func TestEntityStateByCodec(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, ctx context.Context) {
		write := func(line string, want []string, wantErr error) []string {
			t.Helper()
			got, err := bookWrite.Ask(ctx, "b", line)
			if !slices.Equal(got, want) || !errors.Is(err, wantErr) {
				t.Fatalf("Ask(%q) = %q, %v, want %q, %v", line, got, err, want, wantErr)
			}
			return got
		}
		write("one", []string{"one"}, nil)
		got := write("two", []string{"one", "two"}, nil)
		got[0] = "changed"
		write("", nil, errPoor)
		write("boom", nil, actor.ErrPanicked)
		write("three", []string{"one", "two", "three"}, nil)
	})
}

// TestEntityOneAtATime: of many messages that come at once none finds another
// at work, and those of one caller run in their order.
func TestEntityOneAtATime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		type log struct{ Seen []int }
		kind := actor.DeclareKind[log]("log", actor.Volatile(), actor.MailboxSize(5000))
		note := actor.Method[int, int](kind, "note")
		var at atomic.Int32
		impl := note.With(func(l *log, _ context.Context, n int) (int, error) {
			if at.Add(1) > 1 {
				t.Error("two messages at once")
			}
			defer at.Add(-1)
			pass(time.Microsecond)
			if k := len(l.Seen); k > 0 && l.Seen[k-1] != n-1 {
				t.Errorf("%d comes after %d", n, l.Seen[k-1])
			}
			l.Seen = append(l.Seen, n)
			return len(l.Seen), nil
		})
		b := loopback.New()
		host, caller := start(t, b, actor.Config{}), start(t, b, actor.Config{})
		if err := host.Serve(kind.With(impl)); err != nil {
			t.Fatal(err)
		}
		for _, node := range []*actor.Node{host, caller} {
			ctx := node.Context(t.Context())
			if err := kind.Delete(ctx, "k"); err != nil {
				t.Fatal(err)
			}
			var futures []*actor.Future[int]
			for i := range 300 {
				futures = append(futures, note.Start(ctx, "k", i))
			}
			for i, f := range futures {
				if n, err := f.Await(ctx); n != i+1 || err != nil {
					t.Fatalf("message %d: %d, %v", i, n, err)
				}
			}
		}
	})
}

// TestEntityReadersTogether: methods that only read run together, and none
// runs beside one that writes.
func TestEntityReadersTogether(t *testing.T) {
	virtual(t, func(t *testing.T) {
		kind := actor.DeclareKind[account]("shared", actor.Volatile())
		read := actor.Method[struct{}, int](kind, "read", actor.ReadOnly())
		write := actor.Method[int, int](kind, "write")
		node := start(t, loopback.New(), actor.Config{})
		err := node.Serve(kind.With(
			read.With(func(a *account, _ context.Context, _ struct{}) (int, error) {
				pass(time.Second)
				a.Balance += 1000 // of its own copy
				return a.Balance, nil
			}),
			write.With(func(a *account, _ context.Context, n int) (int, error) {
				pass(time.Second)
				a.Balance += n
				return a.Balance, nil
			}),
		))
		if err != nil {
			t.Fatal(err)
		}
		ctx := node.Context(t.Context())
		if _, err := write.Ask(ctx, "k", 1); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var reads []*actor.Future[int]
		for range 10 {
			reads = append(reads, read.Start(ctx, "k", struct{}{}))
		}
		last := write.Start(ctx, "k", 1)
		for _, f := range reads {
			if n, err := f.Await(ctx); n != 1001 || err != nil {
				t.Errorf("read = %d, %v, want 1001", n, err)
			}
		}
		equal(t, "ten reads take", time.Since(began), time.Second)
		if n, err := last.Await(ctx); n != 2 || err != nil {
			t.Errorf("write = %d, %v, want 2", n, err)
		}
		equal(t, "with the write after them", time.Since(began), 2*time.Second)
	})
}

// TestEntityCycle: a message that would have to wait for itself fails at once,
// and names the way.
func TestEntityCycle(t *testing.T) {
	virtual(t, func(t *testing.T) {
		kind := actor.DeclareKind[account]("ring", actor.Volatile())
		pass := actor.Method[[]string, string](kind, "pass")
		b := loopback.New()
		impl := pass.With(func(_ *account, ctx context.Context, way []string) (string, error) {
			if len(way) == 0 {
				key, _ := actor.KeyFrom(ctx)
				return "end at " + key, nil
			}
			return pass.Ask(ctx, way[0], way[1:])
		})
		nodes := []*actor.Node{start(t, b, actor.Config{}), start(t, b, actor.Config{}), start(t, b, actor.Config{})}
		for _, node := range nodes[:2] {
			if err := node.Serve(kind.With(impl)); err != nil {
				t.Fatal(err)
			}
		}
		for _, node := range nodes {
			ctx := node.Context(t.Context())
			if got, err := pass.Ask(ctx, "a", []string{"b.", "c"}); got != "end at c" || err != nil {
				t.Fatalf("without a cycle: %q, %v", got, err)
			}
			began := time.Now()
			_, err := pass.Ask(ctx, "a", []string{"b.", "c", "b."})
			if !errors.Is(err, actor.ErrCycle) || !strings.Contains(err.Error(), `ring "b." -> ring "c" -> ring "b."`) {
				t.Errorf("with a cycle: %v, want ErrCycle and its way", err)
			}
			if d := time.Since(began); d > time.Second {
				t.Errorf("with a cycle it took %v", d)
			}
		}
	})
}

// TestEntityPanics: an entity that panics again and again rests, and no other
// suffers.
func TestEntityPanics(t *testing.T) {
	virtual(t, func(t *testing.T) {
		node := hosts(t, loopback.New(), 1, actor.Config{Patience: 20 * time.Second})[0]
		ctx := node.Context(t.Context())
		began := time.Now()
		for range 5 {
			if _, err := accountAdd.Ask(ctx, "bad", 13); !errors.Is(err, actor.ErrPanicked) {
				t.Fatalf("Ask() = %v, want ErrPanicked", err)
			}
		}
		if d := time.Since(began); d < 700*time.Millisecond { // 100, 200, 400 ms
			t.Errorf("five panics in a row took %v: it did not rest", d)
		}
		rested := time.Now()
		if _, err := accountAdd.Ask(ctx, "good", 1); err != nil || time.Since(rested) > 0 {
			t.Errorf("another entity: %v after %v", err, time.Since(rested))
		}
		if n, err := accountAdd.Ask(ctx, "bad", 1); n != 1 || err != nil {
			t.Errorf("after its rest = %d, %v, want 1", n, err)
		}
	})
}

// TestEntityMailbox: an entity takes so many messages and no more.
func TestEntityMailbox(t *testing.T) {
	virtual(t, func(t *testing.T) {
		kind := actor.DeclareKind[account]("slow", actor.Volatile(), actor.MailboxSize(2))
		wait := actor.Method[time.Duration, int](kind, "wait")
		node := start(t, loopback.New(), actor.Config{})
		if err := node.Serve(kind.With(wait.With(func(_ *account, ctx context.Context, d time.Duration) (int, error) {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			return 0, nil
		}))); err != nil {
			t.Fatal(err)
		}
		ctx := node.Context(t.Context())
		for range 3 {
			if err := wait.Tell(ctx, "k", 10*time.Second); err != nil {
				t.Fatalf("Tell() = %v", err)
			}
		}
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := wait.Ask(brief, "k", 0)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "MailboxSize") {
			t.Errorf("Ask() of a full mailbox = %v, want the deadline, and what was before it", err)
		}
		if _, err := wait.Ask(ctx, "other", 0); err != nil {
			t.Errorf("another entity: %v", err)
		}
	})
}

// TestEntityNew: state begins as New makes it, and an error leaves none.
func TestEntityNew(t *testing.T) {
	virtual(t, func(t *testing.T) {
		kind := actor.DeclareKind[account]("fresh", actor.Volatile(), actor.IdleAfter(time.Minute))
		get := actor.Method[struct{}, int](kind, "get", actor.ReadOnly())
		var mu sync.Mutex
		made := map[string]int{}
		node := start(t, loopback.New(), actor.Config{Activations: 2})
		if err := node.Serve(kind.With(
			actor.New(func(ctx context.Context, key string) (*account, error) {
				if k, ok := actor.KeyFrom(ctx); k != key || !ok {
					t.Errorf("KeyFrom() = %q, %v, want %q", k, ok, key)
				}
				mu.Lock()
				defer mu.Unlock()
				if made[key]++; key == "late" && made[key] == 1 {
					return nil, errPoor
				}
				return &account{Balance: 100 * made[key]}, nil
			}),
			get.With((*account).Get),
		)); err != nil {
			t.Fatal(err)
		}
		ctx := node.Context(t.Context())
		want := func(key string, n int) {
			t.Helper()
			if got, err := get.Ask(ctx, key, struct{}{}); got != n || err != nil {
				t.Errorf("get of %q = %d, %v, want %d", key, got, err, n)
			}
		}
		if _, err := get.Ask(ctx, "late", struct{}{}); err == nil || !strings.Contains(err.Error(), errPoor.Error()) {
			t.Errorf("get whose New fails = %v, want its error", err)
		}
		want("late", 200)
		want("a", 100)
		want("late", 200)
		pass(61 * time.Second) // both are idle for too long
		want("late", 300)
		want("a", 200)
		want("late", 300)
		want("b", 100) // one too many: the idlest goes
		want("late", 300)
		want("a", 300)
	})
}

// TestKindRefusals: what cannot work is refused when it is served or asked,
// and says what to do.
func TestKindRefusals(t *testing.T) {
	virtual(t, func(t *testing.T) {
		type secret struct{ hidden int }
		_ = secret{}.hidden
		shy := actor.DeclareKind[secret]("shy", actor.Volatile())
		shyGet := actor.Method[int, int](shy, "get")
		idle := actor.DeclareKind[account]("idle", actor.Volatile(), actor.IdleAfter(-1))
		idleAdd := actor.Method[int, int](idle, "add")
		otherAdd := actor.Method[int, int](actor.DeclareKind[account]("other", actor.Volatile()), "add")
		odd := actor.Method[int, int](accounts, "-odd")
		node := start(t, loopback.New(), actor.Config{})
		for name, c := range map[string]struct {
			s    actor.Servable
			want string
		}{
			"unexported":  {shy.With(shyGet.With(func(*secret, context.Context, int) (int, error) { return 0, nil })), "field hidden of actor_test.secret is unexported"},
			"bad option":  {idle.With(idleAdd.With((*account).Add)), "IdleAfter(-1ns)"},
			"bad method":  {accounts.With(odd.With((*account).Add)), "begins with '-'"},
			"twice":       {accounts.With(accountAdd.With((*account).Add), accountAdd.With((*account).Add)), "already served"},
			"foreign":     {accounts.With(otherAdd.With((*account).Add)), `is of kind "other"`},
			"no method":   {accounts.With(), "no method"},
			"no function": {accounts.With(accountAdd.With(nil)), "has no function"},
			"bad name":    {actor.DeclareKind[account]("a b", actor.Volatile()).With(), "may hold letters"},
			"zero":        {new(actor.Kind[account]).With(), "DeclareKind"},
		} {
			if err := node.Serve(c.s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: Serve() = %v, want %q in it", name, err, c.want)
			}
		}
		ctx := node.Context(t.Context())
		if _, err := accountAdd.Ask(ctx, "", 1); !errors.Is(err, actor.ErrBadName) {
			t.Errorf("Ask() of an empty key = %v, want ErrBadName", err)
		}
		began := time.Now()
		if _, err := accountAdd.Ask(ctx, "k", 1); !errors.Is(err, actor.ErrNoWorker) || !strings.Contains(err.Error(), `"account.add" of "k"`) {
			t.Errorf("Ask() of a kind that nobody hosts = %v, want ErrNoWorker and its name", err)
		}
		if d := time.Since(began); d > 400*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		if err := node.Serve(hostAll()...); err != nil {
			t.Fatal(err)
		}
		if err := node.Serve(hostAll()...); !errors.Is(err, actor.ErrDuplicate) {
			t.Errorf("Serve() again = %v, want ErrDuplicate", err)
		}
	})
}

// TestEntityHosts: hosts share the keys, all find the same owner, and when one
// drains or joins no message fails.
func TestEntityHosts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		kind := actor.DeclareKind[account]("where", actor.Volatile())
		where := actor.Method[struct{}, string](kind, "where")
		host := func() *actor.Node {
			node := start(t, b, actor.Config{})
			if err := node.Serve(kind.With(where.With(func(_ *account, ctx context.Context, _ struct{}) (string, error) {
				pass(time.Millisecond)
				info, _ := actor.InfoFrom(ctx)
				return info.Node, nil
			}))); err != nil {
				t.Fatal(err)
			}
			pass(time.Millisecond) // in virtual time: until all have heard of it
			return node
		}
		first, caller := host(), start(t, b, actor.Config{})
		second, third := host(), host()
		owners := func(nodes ...*actor.Node) map[string]int {
			count := map[string]int{}
			for k := range 60 {
				key := fmt.Sprint("key ", k)
				var owner string
				for i, node := range nodes {
					got, err := where.Ask(node.Context(t.Context()), key, struct{}{})
					if err != nil || i > 0 && got != owner {
						t.Fatalf("%q is at %s, and at %s, %v", key, owner, got, err)
					}
					owner = got
				}
				count[owner]++
			}
			return count
		}
		if count := owners(first, caller, second, third); len(count) != 3 {
			t.Errorf("three hosts own %v", count)
		}
		stop := make(chan struct{})
		var group sync.WaitGroup
		asked := atomic.Int64{}
		for _, node := range []*actor.Node{caller, second} {
			group.Go(func() {
				ctx := node.Context(t.Context())
				for k := 0; ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					asked.Add(1)
					if _, err := where.Ask(ctx, fmt.Sprint("key ", k%60), struct{}{}); err != nil {
						t.Errorf("Ask() while hosts come and go = %v", err)
						return
					}
				}
			})
		}
		pass(50 * time.Millisecond)
		if err := first.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		pass(50 * time.Millisecond)
		fourth := host()
		pass(50 * time.Millisecond)
		close(stop)
		group.Wait()
		if asked.Load() < 20 {
			t.Errorf("only %d messages while hosts came and went", asked.Load())
		}
		if count := owners(caller, second, third, fourth); len(count) != 3 || count[first.ID()] > 0 {
			t.Errorf("after one left and one came they own %v", count)
		}
	})
}

// TestEntityHostDies: when a host is gone without a word, its keys answer
// elsewhere within moments, whoever asks.
func TestEntityHostDies(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		stays, caller := hosts(t, b, 1, actor.Config{})[0], start(t, b, actor.Config{})
		conn := connect(t, b)
		dies, err := actor.Start(t.Context(), conn, actor.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := dies.Serve(hostAll()...); err != nil {
			t.Fatal(err)
		}
		pass(time.Millisecond) // in virtual time: until all have heard of it
		ctx := caller.Context(t.Context())
		const keys = 20
		for k := range keys { // at both hosts, so that the caller knows them
			if _, err := accountAdd.Ask(ctx, fmt.Sprint(k), 1); err != nil {
				t.Fatal(err)
			}
		}
		conn.Close()
		<-dies.Done()
		anew := 0
		for _, node := range []*actor.Node{caller, stays} {
			for k := range keys {
				began := time.Now()
				n, err := accountAdd.Ask(node.Context(t.Context()), fmt.Sprint(k), 1)
				if err != nil {
					t.Fatalf("Ask() after a host died = %v", err)
				}
				if took := time.Since(began); took > 500*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				if n == 1 {
					anew++
				}
			}
		}
		if anew == 0 || anew == keys {
			t.Errorf("%d of %d keys began anew: want those of the host that died, and no other", anew, keys)
		}
	})
}
