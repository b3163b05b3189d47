package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// TestLimitSurvivesCancels cancels calls that wait for a task's limit, at every
// stage of their waiting: those that are left get their turn.
func TestLimitSurvivesCancels(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s, busy starts
		limited := NewTarget[string, string]("limited")
		filler := NewTarget[string, string]("filler")
		worker := r.node(Config{Slots: 1},
			Implement(limited, func(ctx context.Context, in string) (string, error) {
				s.add(ctx, in)
				pause(time.Second)
				return in, nil
			}, Limit(1)),
			busy.echo(filler, 10*time.Second))
		caller := r.node(Config{})
		fs := map[string]*Future[string]{}
		for _, in := range []string{"a", "b", "c", "d"} {
			fs[in] = Begin[string, string](caller.under(), limited, in)
			synctest.Wait()
		}
		// The slot is taken by another task, so that the call which the limit lets
		// through next waits in the mailbox.
		var fillers []*Future[string]
		for range 3 {
			fillers = append(fillers, Begin[string, string](caller.under(), filler, "f"))
		}
		pause(1500 * time.Millisecond)
		for _, in := range []string{"b", "c"} {
			fs[in].Cancel()
			pause(100 * time.Millisecond)
		}
		for _, f := range fillers {
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("Await() = %v, want nil", o.err)
			}
		}
		done := time.Now()
		if o := await(fs["d"], done); o.err != nil || o.took > 5*time.Second {
			t.Errorf("the call that was left = %v after %v, want its result", o.err, o.took)
		}
		pause(time.Second)
		checkIdle(t, worker)
	})
}

// TestLimitLetsTheNextThrough cancels the one call that the limit has let
// through while no other event will come.
func TestLimitLetsTheNextThrough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	limited := &service{implementation: &implementation{name: "limited", limit: 1}, n: nil}
	n := r.node(Config{Slots: 1})
	w := n.worker
	// Arranged by hand: the limit is free, one call has been let through and
	// waits in the mailbox, another still waits for the limit, the slot is taken.
	through := &execution{w: w, service: limited, origin: w.own, tell: true, size: 3}
	blocked := &execution{w: w, service: limited, origin: w.own, tell: true, size: 5}
	w.mu.Lock()
	w.slots.take(0)
	for _, ex := range []*execution{through, blocked} {
		ex.alarm.owner = ex
		w.enterLocked(ex)
	}
	w.queueLocked(through)
	w.blockLocked(blocked)
	w.mu.Unlock()
	through.cancel(context.Canceled)
	w.mu.Lock()
	if blocked.blocked || w.box.count != 1 || w.aside != 0 || w.box.bytes != 5 {
		t.Errorf("after the call that was let through is cancelled: blocked = %v, %d calls of %d bytes in the mailbox, %d bytes aside, want the next one let through",
			blocked.blocked, w.box.count, w.box.bytes, w.aside)
	}
	w.withdrawLocked(blocked)
	w.leaveLocked(blocked)
	w.slots.giveBack(0)
	w.mu.Unlock()
	checkIdle(t, n)
}

// flood makes calls with large inputs from nowhere in particular, and returns
// the frames that come back.
func (r *rig) flood(task string, calls, size, depth int) *frames {
	r.t.Helper()
	f := &frames{}
	c := r.conn()
	r.t.Cleanup(func() { c.Close() })
	prefix := wire.InboxPrefix("default", "any", "flooder")
	if _, err := c.Subscribe(prefix+">", "", func(m *transport.Message) { f.add(m) }); err != nil {
		r.t.Fatalf("Subscribe() = %v, want nil", err)
	}
	for i := range calls {
		token := string(appendToken(nil, uint32(depth), uint64(i), 1))
		reply := string(wire.AppendAddress(nil, prefix, token, wire.NoBudget, depth))
		if err := c.Publish(context.Background(), &transport.Message{Subject: wire.TaskSubject("default", task), Reply: reply, Data: make([]byte, size)}); err != nil {
			r.t.Fatalf("Publish() = %v, want nil", err)
		}
	}
	return f
}

type frames struct {
	mu    sync.Mutex
	codes map[string]int
}

func (f *frames) add(m *transport.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.codes == nil {
		f.codes = make(map[string]int)
	}
	f.codes[m.Header.Get(wire.HeaderError)]++
}

func (f *frames) busy() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.codes[wire.CodeBusy]
}

// TestMailboxBytesAreBounded fills a mailbox with small calls, then with large
// ones that are deeper, and with calls that wait for their task's limit.
func TestMailboxBytesAreBounded(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]ServeOption{nil, {Limit(1)}} {
		virtual(t, func(t *testing.T, r *rig) {
			release := make(chan struct{})
			cfg := Config{Slots: 1, Mailbox: 1000, MailboxBytes: 1 << 20}
			if len(opts) > 0 {
				cfg.Slots = 100
			}
			worker := r.node(cfg, Handle("hold", func(context.Context, []byte) ([]byte, error) {
				<-release
				return nil, nil
			}, opts...))
			held := func() (calls, bytes int) {
				synctest.Wait()
				w := worker.worker
				w.mu.Lock()
				defer w.mu.Unlock()
				for ex := w.first; ex != nil; ex = ex.next {
					if ex.state == waiting {
						bytes += len(ex.body)
					}
				}
				return w.waitingLocked(), bytes
			}
			small := r.flood("hold", 2000, 10, 0)
			if calls, _ := held(); calls != cfg.Mailbox {
				t.Errorf("%d small calls wait, want Config.Mailbox of %d", calls, cfg.Mailbox)
			}
			if n := small.busy(); n != 2000-cfg.Mailbox-1 {
				t.Errorf("%d small calls were refused, want all but those that wait and one that runs", n)
			}
			large := r.flood("hold", 200, 100<<10, 1)
			calls, bytes := held()
			if bytes > cfg.MailboxBytes {
				t.Errorf("%d calls of %d bytes wait, want at most Config.MailboxBytes of %d", calls, bytes, cfg.MailboxBytes)
			}
			if bytes < cfg.MailboxBytes*8/10 {
				t.Errorf("%d bytes wait, want that the deeper calls have taken the place of the others", bytes)
			}
			if large.busy() < 150 || small.busy() < 1900 {
				t.Errorf("%d large and %d small calls refused, want nearly all", large.busy(), small.busy())
			}
			close(release)
			pause(time.Second)
			checkIdle(t, worker)
		})
	}
}

// TestOneLargeCallIsTaken has a mailbox that is smaller than a call.
func TestOneLargeCallIsTaken(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		r.node(Config{Slots: 1, MailboxBytes: 100}, s.echo(task, 10*time.Millisecond))
		caller := r.node(Config{})
		large := strings.Repeat("x", 1000)
		first := Begin[string, string](caller.under(), task, large)
		second := Begin[string, string](caller.under(), task, large)
		for _, f := range []*Future[string]{first, second} {
			if o := await(f, time.Now()); o.err != nil || o.value != large {
				t.Errorf("a call larger than Config.MailboxBytes = %v, want its result", o.err)
			}
		}
	})
}

// TestFloodOfALimitedTask has the mailbox full of calls that wait for a limit:
// the child of the one that runs goes first all the same.
func TestFloodOfALimitedTask(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		child := NewTarget[string, string]("child")
		parent := NewTarget[string, string]("parent")
		var s starts
		worker := r.node(Config{Slots: 2, Mailbox: 10, NoLocal: true},
			s.echo(child, 20*time.Millisecond),
			Implement(parent, func(ctx context.Context, in string) (string, error) {
				return Ask[string, string](ctx, child, in)
			}, Limit(1)),
			Implement(NewTarget[string, string]("filler"), func(ctx context.Context, _ string) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}))
		caller := r.node(Config{Patience: time.Minute})
		fillers, cancel := context.WithCancel(caller.under())
		Begin[string, string](fillers, NewTarget[string, string]("filler"), "")
		synctest.Wait()
		var fs []*Future[string]
		for i := range 40 {
			fs = append(fs, Begin[string, string](caller.under(), parent, fmt.Sprint(i)))
		}
		for i, f := range fs {
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("call %d = %v, want its result", i, o.err)
			}
		}
		cancel()
		pause(time.Second)
		checkIdle(t, worker)
	})
}

// TestGoexitAndPanicSpareOthers ends handlers in every way there is, with
// children running.
func TestGoexitAndPanicSpareOthers(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			var s, fine starts
			child := NewTarget[string, string]("child")
			bad := NewTarget[string, string]("bad")
			good := NewTarget[string, string]("good")
			worker := r.node(Config{Slots: 2, NoLocal: noLocal}, s.stuck(child), fine.echo(good, 10*time.Millisecond),
				Implement(bad, func(ctx context.Context, how string) (string, error) {
					Begin[string, string](ctx, child, how)
					pause(50 * time.Millisecond)
					switch how {
					case "panic":
						panic("on purpose")
					case "nil panic":
						panic(nil)
					case "goexit":
						goexit()
					case "bad error":
						var none *Error
						return "", none
					case "error that panics":
						return "", panicky{}
					}
					return how, nil
				}))
			var fs []*Future[string]
			hows := []string{"panic", "nil panic", "goexit", "bad error", "error that panics", "return"}
			for range 3 {
				for _, how := range hows {
					fs = append(fs, Begin[string, string](worker.under(), bad, how), Begin[string, string](worker.under(), good, how))
				}
			}
			for i, f := range fs {
				o := await(f, time.Now())
				how := hows[i/2%len(hows)]
				fails := i%2 == 0 && how != "return"
				if fails && !errors.Is(o.err, ErrPanicked) || !fails && o.err != nil {
					t.Errorf("NoLocal = %v, %s: call %d ended with %v", noLocal, how, i, o.err)
				}
			}
			pause(time.Second)
			checkIdle(t, worker)
			if n, want := len(s.causes()), s.total(); n != want {
				t.Errorf("NoLocal = %v: %d of %d children were cancelled with their parents", noLocal, n, want)
			}
		})
	}
}

// panicky is an error whose text is not to be had.
type panicky struct{}

func (panicky) Error() string { panic("no text") }

// TestLostTellIsNotRefusedTwice is about calls that nobody waits for.
func TestTellIsTakenOnce(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		note := NewTarget[string, string]("note")
		worker := r.node(Config{Slots: 1, Mailbox: 5}, s.echo(note, 10*time.Millisecond))
		caller := r.node(Config{})
		for i := range 50 {
			if err := Tell(caller.under(), note, fmt.Sprint(i)); err != nil {
				t.Errorf("Tell(%d) = %v, want nil", i, err)
			}
		}
		pause(time.Second)
		for i := range 50 {
			if n := s.of(fmt.Sprint(i)); n != 1 {
				t.Errorf("told once, %d started %d times", i, n)
			}
		}
		if pending, _, _, _ := caller.table(); pending != 0 {
			t.Errorf("%d calls in the table after they were taken", pending)
		}
		checkIdle(t, worker)
	})
}

// TestConnectionEndsDuringStart closes the connection at each step of Start.
func TestConnectionEndsDuringStart(t *testing.T) {
	t.Parallel()
	for range 50 {
		r := newRig(t)
		c := r.conn()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			r.broker.Close()
		}()
		inner := &closing{c}
		n, err := Start(t.Context(), inner, Config{})
		<-closed
		if err == nil {
			<-n.Done() // the connection ended after the start
			n.Close()
		}
	}
}

// closing reports what the inner connection reports, its end among it.
type closing struct{ *faultConn }

func (c *closing) Attach(events func(transport.Event)) error { return c.inner.Attach(events) }

// TestUnknownFramesAreIgnored sends what is not of the protocol to everything
// that listens.
func TestStrangersAreIgnored(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("long")
		worker := r.node(Config{}, s.echo(task, time.Second))
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), task, "a")
		pause(100 * time.Millisecond)
		caller.calls.mu.Lock()
		var token string
		for _, c := range caller.calls.pending {
			token = string(c.appendToken(nil, c.sends))
		}
		caller.calls.mu.Unlock()
		stranger := r.conn()
		t.Cleanup(func() { stranger.Close() })
		wrong := "00000000" + token[saltDigits:]
		bodies := [][]byte{nil, {}, []byte("x"), []byte("a.b.c"), []byte(strings.Repeat("y", 1<<16)), {0xdd, 0xff, 0xff, 0xff, 0xff}}
		var subjects []string
		for _, call := range []string{wrong, token + "-2", token + "-0", "1", "zzzzzzzzz", token[:saltDigits]} {
			for _, suffix := range []string{wire.SuffixResult, wire.SuffixError, wire.SuffixAccepted, wire.SuffixProgress, ""} {
				subjects = append(subjects, caller.inbox+call+".-.0"+suffix)
			}
		}
		subjects = append(subjects, caller.inbox+token+".-.0", caller.inbox+token+".-.0.later", caller.inbox+token)
		for _, verb := range []string{wire.VerbPing, wire.VerbCancel, wire.VerbAwaits, wire.VerbPs, "later", "task.nobody", "task..x", "task.long.more"} {
			for _, node := range []string{caller.ID(), worker.ID(), wire.AllNodes} {
				if s := wire.NodeSubject("default", node, verb); transport.CheckSubject(s, false) == nil {
					subjects = append(subjects, s)
				}
			}
		}
		for _, subject := range subjects {
			for _, body := range bodies {
				for _, reply := range []string{"", "x.y", "$JS.API.STREAM.DELETE.A", wire.TaskSubject("default", "long"), caller.inbox + wrong + ".-.0"} {
					if err := stranger.Publish(context.Background(), &transport.Message{Subject: subject, Reply: reply, Data: body}); err != nil {
						t.Fatalf("Publish(%q) = %v, want nil", subject, err)
					}
				}
			}
		}
		if o := await(f, time.Now()); o.err != nil || o.value != "a" {
			t.Errorf("strangers made a call end with %q, %v", o.value, o.err)
		}
		if n := s.total(); n != 1 {
			t.Errorf("strangers made %d calls start, want the one", n)
		}
		for _, m := range []*member{worker, caller} {
			if n := m.conn.count(func(s string) bool { return strings.HasPrefix(s, "$JS.") || s == "x.y" }); n != 0 {
				t.Errorf("a node published %d messages where only others may", n)
			}
		}
	})
}

// TestRefusedNamesStay lists what a node's tasks are after a Serve that failed.
func TestServeIsAllOrNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.node(Config{}, Handle("a", nopHandler))
	for _, s := range [][]Servable{
		{Handle("b", nopHandler), Handle("a", nopHandler)},
		{Handle("b", nopHandler), Handle("b", nopHandler)},
		{Handle("b", nopHandler), nil},
		{Handle("b", nil)},
		{Handle("b", nopHandler), Handle("bad name", nopHandler)},
		{Handle("b", nopHandler, Limit(0))},
	} {
		if err := n.Serve(s...); err == nil {
			t.Error("Serve(bad) = nil, want an error")
		}
	}
	var names []string
	for _, task := range n.info().Tasks {
		names = append(names, task.Name)
	}
	if !slices.Equal(names, []string{"a"}) {
		t.Errorf("after Serves that failed the node serves %q, want a alone", names)
	}
}

// TestParkedSlotIsPassedOn has a handler await a call that another node
// executes: its slot is for whoever waits here, also when middleware carries the
// call.
func TestParkedSlotIsPassedOn(t *testing.T) {
	t.Parallel()
	for _, middleware := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			var s, far starts
			remote := NewTarget[string, string]("remote")
			parent := NewTarget[string, string]("parent")
			quick := NewTarget[string, string]("quick")
			r.node(Config{}, far.echo(remote, time.Minute))
			cfg := Config{Slots: 1}
			if middleware {
				cfg.OnCall = []Middleware{func(next Handler) Handler { return next }}
			}
			r.node(cfg, s.echo(quick, 0), Implement(parent, func(ctx context.Context, in string) (string, error) {
				pause(time.Second)
				return Ask[string, string](ctx, remote, in)
			}))
			caller := r.node(Config{})
			Begin[string, string](caller.under(), parent, "a")
			pause(100 * time.Millisecond)
			if o := await(Begin[string, string](caller.under(), quick, "b"), time.Now()); o.err != nil || o.took > time.Second {
				t.Errorf("middleware = %v: behind a handler that awaits another: %v after %v, want a result within 1s", middleware, o.err, o.took)
			}
		})
	}
}

// TestEndedHandlerAdoptsNothing looks at the moment between the end of a
// handler's context and its return.
func TestEndedHandlerAdoptsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.node(Config{})
	err := inHandler(context.Background(), t, n, func(ctx context.Context) {
		ex, _ := ctx.Value(executionKey{}).(*execution)
		ex.cancel(errGone)
		late := &call{n: n.Node, target: NewTarget[string, string]("late"), parent: ex}
		if err := late.adopt(&callOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("adopt() by a handler that was cancelled = %v, want Canceled", err)
		}
		late.fail(context.Canceled)
		free, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
		defer cancel()
		root := &call{n: n.Node, target: late.target, parent: ex, depth: 1, ctx: free}
		if err := root.adopt(&callOptions{}); err != nil || root.parent != nil || root.depth != 0 {
			t.Errorf("adopt() under a context that outlives the handler = %v, parent %v, depth %d, want a root", err, root.parent, root.depth)
		}
		root.fail(context.Canceled)
	})
	if err != nil {
		t.Errorf("Ask() = %v, want nil", err)
	}
	if opened := n.opened.Load(); opened != 0 {
		t.Errorf("%d calls are open at the end, want none", opened)
	}
}

// TestNilHandlerLetsNothingPass has middleware that forgot to return a handler,
// inside of one that would refuse the call.
func TestNilHandlerLetsNothingPass(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	broken := func(Handler) Handler { return nil }
	for i, cfg := range []Config{{OnServe: []Middleware{broken}}, {OnCall: []Middleware{broken}}, {OnServe: []Middleware{broken, func(next Handler) Handler { return next }}}} {
		var s starts
		task := NewTarget[string, string]("echo")
		n := r.node(cfg, s.echo(task, 0))
		if _, err := Ask[string, string](n.under(), task, "a"); err == nil || !strings.Contains(err.Error(), "nil Handler") {
			t.Errorf("configuration %d: Ask() through a nil Handler = %v, want an error that says so", i, err)
		}
		if s.total() != 0 {
			t.Errorf("configuration %d: a call went past middleware that returned a nil Handler", i)
		}
		n.Close()
	}
}
