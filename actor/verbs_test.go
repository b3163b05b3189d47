package actor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestPing: a node answers with its name, all nodes with theirs.
func TestPing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		one, two := start(t, b, actor.Config{}), start(t, b, actor.Config{})
		f := newForeigner(t, b)
		equal(t, "the answer to a ping", string(f.ask("at.default.node."+one.ID()+".ping", "", nil).Data), one.ID())

		f.publish("at.default.node.all.ping", "_INBOX.me.1", "", nil)
		synctest.Wait()
		names := []string{string((<-f.inbox).Data), string((<-f.inbox).Data)}
		want := []string{one.ID(), two.ID()}
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("the answers to a ping of all = %v, want %v", names, want)
		}
		f.silence()
	})
}

// TestInfoVerb: a node says what it is and what it serves.
func TestInfoVerb(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{Group: "billing", Version: "1.2.3", Slots: 7},
			actor.Handle("b", forever, actor.Limit(3)),
			actor.Handle("a", func(context.Context, []byte) ([]byte, error) {
				return nil, fmt.Errorf("%s", strings.Repeat("boom ", 10_000))
			}))
		caller := start(t, b, actor.Config{})
		for range 3 {
			_, err := caller.Request(t.Context(), "a", nil)
			is(t, "Request()", err, err)
		}
		done := requesting(t.Context(), caller, "b", "")
		synctest.Wait()
		m := newForeigner(t, b).ask("at.default.node."+n.ID()+".info", "", nil)
		info := decoded[actor.NodeInfo](t, m)
		for _, c := range []struct {
			what      string
			got, want any
		}{
			{"node", info.Node, n.ID()},
			{"namespace", info.Namespace, "default"},
			{"group", info.Group, "billing"},
			{"protocol", info.Protocol, 1},
			{"version", info.Version, "1.2.3"},
			{"transport", info.Transport, "loopback"},
			{"state", info.State, "running"},
			{"slots", info.Slots, 7},
			{"running", info.Running, 1},
			{"tasks", len(info.Tasks), 2},
			{"first task", info.Tasks[0].Name, "a"},
			{"its calls", info.Tasks[0].Calls, uint64(3)},
			{"its failures", info.Tasks[0].Failures, uint64(3)},
			{"second task's limit", info.Tasks[1].Limit, 3},
		} {
			if c.got != c.want {
				t.Errorf("info: %s = %v, want %v", c.what, c.got, c.want)
			}
		}
		if last := info.Tasks[0].LastError; !strings.HasPrefix(last, "boom") || len(last) > 1024 {
			t.Errorf("info: last error has %d bytes, want the beginning of it", len(last))
		}
		if info.Go == "" || info.Library == "" {
			t.Errorf("info = %+v, want the versions of Go and of the library", info)
		}
		var raw map[string]any
		if err := json.Unmarshal(m.Data, &raw); err != nil || raw["node"] != n.ID() || raw["state"] != "running" {
			t.Errorf("info = %s, %v, want what the protocol's callers rely on", m.Data, err)
		}
		n.Close()
		<-done
	})
}

// psAnswer is what ps answers.
type psAnswer struct {
	Node                string
	Executing, Awaiting []actor.CallInfo
	More                bool
}

// TestPsVerb: a node lists what it executes and awaits, in pages.
func TestPsVerb(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		worker := start(t, b, actor.Config{Slots: 1}, actor.Handle("tree", func(ctx context.Context, body []byte) ([]byte, error) {
			n, _ := actor.NodeFrom(ctx)
			return n.Request(ctx, "leaf", body, actor.CallTimeout(time.Minute))
		}))
		leaves := start(t, b, actor.Config{Slots: 1}, actor.Handle("leaf", forever))
		caller := start(t, b, actor.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var calls []<-chan request
		for range 5 {
			calls = append(calls, requesting(ctx, caller, "tree", ""))
		}
		pass(2 * time.Second)
		f := newForeigner(t, b)
		ps := func(n *actor.Node, body string) psAnswer {
			t.Helper()
			return decoded[psAnswer](t, f.ask("at.default.node."+n.ID()+".ps", body, nil))
		}

		a := ps(worker, "")
		equal(t, "ps: the node", a.Node, worker.ID())
		equal(t, "ps: calls executed", len(a.Executing), 5)
		equal(t, "ps: calls awaited", len(a.Awaiting), 5)
		for i, row := range a.Executing {
			equal(t, "ps: task", row.Task, "tree")
			equal(t, "ps: state", row.State, "parked")
			equal(t, "ps: caller", row.Caller, caller.ID())
			equal(t, "ps: depth", row.Depth, 0)
			if row.AgeMS < 2000 || row.LeftMS != nil {
				t.Errorf("ps: row = %+v, want an age of 2 s and no budget", row)
			}
			if i > 0 && row.ID <= a.Executing[i-1].ID {
				t.Errorf("ps: %q comes after %q, want them in order", row.ID, a.Executing[i-1].ID)
			}
		}
		parents := make(map[string]bool)
		for _, row := range a.Awaiting {
			parents[row.Parent] = true
			equal(t, "ps: awaited task", row.Task, "leaf")
			equal(t, "ps: its state", row.State, "accepted")
			equal(t, "ps: its worker", row.Worker, leaves.ID())
			equal(t, "ps: its depth", row.Depth, 1)
			if row.LeftMS == nil || *row.LeftMS > 58_100 {
				t.Errorf("ps: row = %+v, want what is left of a minute", row)
			}
		}
		equal(t, "ps: calls that are parents", len(parents), 5)
		states := make(map[string]int)
		for _, row := range ps(leaves, "").Executing {
			states[row.State]++
		}
		equal(t, "ps: leaves that run on one slot", states["running"], 1)
		equal(t, "ps: leaves that wait", states["waiting"], 4)

		var seen []string
		for after, more := "", true; more && len(seen) <= 10; {
			page := ps(worker, fmt.Sprintf(`{"limit":2,"after":%q}`, after))
			for _, row := range append(page.Executing, page.Awaiting...) {
				seen = append(seen, row.ID)
				after = max(after, row.ID)
			}
			more = page.More
		}
		slices.Sort(seen)
		equal(t, "ps: calls on all pages", len(slices.Compact(seen)), 10)
		if m := f.ask("at.default.node."+worker.ID()+".ps", "{", nil); !strings.Contains(string(m.Data), "error") {
			t.Errorf("ps with a bad body = %s, want an error", m.Data)
		}

		rows, err := caller.Calls(t.Context(), 100*time.Millisecond)
		if err != nil || len(rows) != 10 {
			t.Fatalf("Calls() = %d rows, %v, want 10", len(rows), err)
		}
		ids := make(map[string]bool)
		for _, row := range rows {
			ids[row.ID] = true
		}
		for _, row := range rows {
			if row.Task == "leaf" && !ids[row.Parent] {
				t.Errorf("Calls(): %+v, want the call above it as its parent", row)
			}
		}
		nodes, err := caller.Nodes(t.Context(), 100*time.Millisecond)
		if err != nil || len(nodes) != 3 {
			t.Errorf("Nodes() = %d, %v, want 3", len(nodes), err)
		}
		cancel()
		for _, done := range calls {
			<-done
		}
	})
}

// TestStackVerb: a node shows where its process is.
func TestStackVerb(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{})
		m := newForeigner(t, b).ask("at.default.node."+n.ID()+".stack", "", nil)
		if !strings.Contains(string(m.Data), "goroutine") || !strings.Contains(string(m.Data), n.ID()) {
			t.Errorf("stack = %.200s, want the stacks of goroutines", m.Data)
		}
	})
}

// TestDrainVerb: a node drains when it is told to, and only the one that is
// named.
func TestDrainVerb(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{}, actor.Handle("slow", taking(5*time.Second)))
		caller := start(t, b, actor.Config{})
		f := newForeigner(t, b)
		done := requesting(t.Context(), caller, "slow", "in")
		pass(100 * time.Millisecond)

		f.publish("at.default.node.all.drain", "_INBOX.me.1", "", nil)
		f.silence()
		equal(t, "the state after a drain of all", decoded[actor.NodeInfo](t, f.ask("at.default.node."+n.ID()+".info", "", nil)).State, "running")

		a := decoded[map[string]string](t, f.ask("at.default.node."+n.ID()+".drain", "", nil))
		equal(t, "drain: the node", a["node"], n.ID())
		equal(t, "drain: its state", a["state"], "draining")
		r := <-done
		answers(t, "Request() from before", r.body, r.err, "in")
		<-n.Done()
		_, err := caller.Request(t.Context(), "slow", nil)
		is(t, "Request() after the drain", err, actor.ErrNoWorker)
	})
}

// TestCancelVerb: whoever knows a call's key may cancel it, and is answered.
func TestCancelVerb(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		causes := make(chan error, 1)
		n := start(t, b, actor.Config{}, actor.Handle("forever", func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil, ctx.Err()
		}))
		caller := start(t, b, actor.Config{})
		done := requesting(t.Context(), caller, "forever", "in")
		pass(100 * time.Millisecond)
		f := newForeigner(t, b)
		rows := decoded[psAnswer](t, f.ask("at.default.node."+n.ID()+".ps", "", nil)).Executing
		f.ask("at.default.node."+n.ID()+".cancel", caller.ID()+"."+rows[0].ID+" no.such a..b\nthe operator said so", nil)
		if cause := <-causes; !strings.Contains(cause.Error(), "the operator said so") {
			t.Errorf("the cause of the handler's context = %v, want the operator's reason", cause)
		}
		is(t, "Request()", (<-done).err, context.Canceled)
	})
}

// TestUnknownVerbs: they are ignored, and counted.
func TestUnknownVerbs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{})
		f := newForeigner(t, b)
		before := dropped(t, f, n)
		for _, verb := range []string{"reboot", "ping.twice", "task", "PING"} {
			f.publish("at.default.node."+n.ID()+"."+verb, "_INBOX.me.1", "", nil)
		}
		f.silence()
		equal(t, "messages dropped", dropped(t, f, n)-before, 4)
	})
}
