package actor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// nearRig is a node whose processors are all busy, and another that serves the
// same tasks.
type nearRig struct {
	here, there *member
	ran         starts
	busy        []*Future[string]
	task        *Target
}

func newNearRig(r *rig, busyFor time.Duration) *nearRig {
	n := &nearRig{task: NewTarget[string, string]("short")}
	hold := NewTarget[string, string]("hold")
	serve := []Servable{n.ran.echo(n.task, 0), (&starts{}).echo(hold, busyFor)}
	n.here, n.there = r.node(Config{}, serve...), r.node(Config{}, serve...)
	for range n.here.worker.local {
		n.busy = append(n.busy, Begin[string, string](n.here.under(), hold, "x"))
	}
	synctest.Wait()
	return n
}

// ask makes a call and says where it ran and how long it took.
func (n *nearRig) ask(t *testing.T) (node string, took time.Duration) {
	t.Helper()
	begun := time.Now()
	if _, err := Ask[string, string](n.here.under(), n.task, "in"); err != nil {
		t.Errorf("Ask() = %v, want nil", err)
	}
	n.ran.mu.Lock()
	defer n.ran.mu.Unlock()
	return n.ran.nodes[len(n.ran.nodes)-1], time.Since(begun)
}

// TestNearStarts: a processor becomes free in time.
func TestNearStarts(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n := newNearRig(r, nearWait/2)
		if node, took := n.ask(t); node != n.here.ID() || took != nearWait/2 {
			t.Errorf("ran on %s after %v, want here, %s, after %v", node, took, n.here.ID(), nearWait/2)
		}
	})
}

// TestNearIsSent: none does, so the call goes to whoever serves it, and after
// some that waited in vain others do not wait.
func TestNearIsSent(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n := newNearRig(r, time.Minute)
		const most = nearWait + wheelTick
		waits, sent := 0, 0
		for range 2 * nearGiveUp {
			node, took := n.ask(t)
			switch {
			case took > most:
				t.Fatalf("waited for %v, want at most %v", took, most)
			case took > 0:
				waits++
			}
			if node == n.there.ID() {
				sent++
			}
		}
		if want := mostHope/nearMissed + 2; waits == 0 || waits > want {
			t.Errorf("%d calls waited in vain, want at most %d", waits, want)
		}
		if sent == 0 {
			t.Error("no call ran on the other node")
		}
		if n.ran.total() != 2*nearGiveUp {
			t.Errorf("%d calls ran, want %d: each once", n.ran.total(), 2*nearGiveUp)
		}
	})
}

// TestNearCancelled: who waits near has not started, and does not.
func TestNearCancelled(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n := newNearRig(r, time.Minute)
		f := Begin[string, string](n.here.under(), n.task, "in")
		f.Cancel()
		_, err := f.Await(context.Background())
		var e *Error
		if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Executed == ExecutedYes {
			t.Errorf("Await() = %v, want Canceled and not executed", err)
		}
		pause(time.Second)
		if got := n.ran.total(); got != 0 {
			t.Errorf("%d calls ran, want none", got)
		}
		if w := n.here.worker; w.near.waiting.count != 0 {
			t.Errorf("%d calls wait near, want none", w.near.waiting.count)
		}
	})
}

// TestNearWhileDraining: a node that drains keeps what waits near, since the
// call is a part of what it has in hand.
func TestNearWhileDraining(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n := newNearRig(r, 10*time.Second)
		f := Begin[string, string](n.here.under(), n.task, "in")
		if err := n.here.Drain(context.Background()); err != nil {
			t.Errorf("Drain() = %v, want nil", err)
		}
		if _, err := f.Await(context.Background()); err != nil {
			t.Errorf("Await() = %v, want nil", err)
		}
		if len(n.ran.nodes) != 1 || n.ran.nodes[0] != n.here.ID() {
			t.Errorf("ran on %v, want %s", n.ran.nodes, n.here.ID())
		}
	})
}

// TestNearBorrowed: bytes that the caller has back by the time the call is sent
// are not those that it sends.
func TestNearBorrowed(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		got := make(chan string, 1)
		serve := []Servable{
			Handle("raw", func(_ context.Context, b []byte) ([]byte, error) {
				got <- string(b)
				return nil, nil
			}),
			(&starts{}).echo(NewTarget[string, string]("hold"), time.Minute),
		}
		n := r.node(Config{}, serve...)
		for range n.worker.local {
			Begin[string, string](n.under(), NewTarget[string, string]("hold"), "x")
		}
		synctest.Wait()
		body := []byte("right")
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = n.Request(ctx, "raw", body)
		}()
		pause(nearWait + wheelTick)
		if b := <-got; b != "right" {
			t.Errorf("the handler got %q, want %q", b, "right")
		}
		cancel()
		<-done
	})
}

// TestNearStarvesNobody: calls of this process are no more than others.
func TestNearStarvesNobody(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[string, string]("short")
		here := r.node(Config{Slots: 2}, (&starts{}).echo(task, 100*time.Microsecond))
		there := r.node(Config{})
		ctx, cancel := context.WithCancel(here.under())
		var local sync.WaitGroup
		for range 5 {
			local.Go(func() {
				for ctx.Err() == nil {
					_, _ = Ask[string, string](ctx, task, "local")
				}
			})
		}
		pause(time.Millisecond)
		begun := time.Now()
		if _, err := Ask[string, string](there.under(), task, "from elsewhere", CallTimeout(time.Second)); err != nil {
			t.Errorf("a call of another node = %v after %v, want nil", err, time.Since(begun))
		}
		cancel()
		local.Wait()
	})
}

// TestNearLimit: what may not start here for its task's limit goes elsewhere.
func TestNearLimit(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		limited, hold := NewTarget[string, string]("limited"), NewTarget[string, string]("hold")
		here := r.node(Config{}, (&starts{}).echo(hold, nearWait/2),
			Implement(limited, func(ctx context.Context, _ string) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}, Limit(1)))
		for range here.worker.local {
			Begin[string, string](here.under(), hold, "x")
		}
		synctest.Wait()
		Begin[string, string](here.under(), limited, "a")
		f := Begin[string, string](here.under(), limited, "b")
		pause(2*nearWait + wheelTick)
		here.calls.mu.Lock()
		defer here.calls.mu.Unlock()
		if f.call.state == callLocal || f.call.sends != 1 {
			t.Errorf("the second call is %v and was sent %d times, want it sent", f.call.state, f.call.sends)
		}
	})
}

// TestNearTriesWithFew: a node that has just been given hope lets few wait.
func TestNearTriesWithFew(t *testing.T) {
	t.Parallel()
	n := &nearby{hope: -nearGiveUp}
	for range 4 * nearGiveUp {
		if n.worthwhile() {
			n.waiting.count++
		}
	}
	if n.waiting.count != 1 {
		t.Errorf("%d calls wait near, want 1 before it has shown that it helps", n.waiting.count)
	}
}
