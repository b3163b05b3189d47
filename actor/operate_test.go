package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// surveyWait is how long surveys in tests wait for answers.
const surveyWait = 100 * time.Millisecond

// asking returns a handler that requests a task times times, and waits.
func asking(task string, times int) handler {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		n, _ := actor.NodeFrom(ctx)
		var below []<-chan request
		for range times {
			below = append(below, requesting(ctx, n, task, string(body)))
		}
		var errs []error
		for _, r := range below {
			errs = append(errs, (<-r).err)
		}
		return nil, errors.Join(errs...)
	}
}

// drawn is a survey's tree under its oldest root.
func drawn(s actor.Survey) string {
	var b strings.Builder
	for _, c := range s.Calls {
		if c.Depth > 0 {
			continue
		}
		rows, depth := s.Below(c.Key)
		for i, r := range rows {
			fmt.Fprintf(&b, "%s%s %s\n", strings.Repeat(" ", depth[i]), r.Task, r.State)
		}
		break
	}
	return b.String()
}

func survey(t *testing.T, n *actor.Node) actor.Survey {
	t.Helper()
	s, err := n.Survey(t.Context(), surveyWait)
	if err != nil {
		t.Fatalf("Survey() = %v", err)
	}
	return s
}

// TestSurvey: the tree of a call is joined across nodes, whether a call stays
// on its node or not.
func TestSurvey(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoLocal=%v", noLocal), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				cfg := actor.Config{NoLocal: noLocal}
				start(t, b, cfg, actor.Handle("root", asking("branch", 2)), actor.Handle("branch", asking("leaf", 1)))
				start(t, b, cfg, actor.Handle("leaf", forever))
				caller := start(t, b, actor.Config{})
				ctx, cancel := context.WithCancel(t.Context())
				done := requesting(ctx, caller, "root", "")
				pass(time.Second)
				want := "root parked\n branch parked\n  leaf running\n branch parked\n  leaf running\n"
				s := survey(t, caller)
				if got := drawn(s); got != want {
					t.Errorf("Survey() draws\n%s, want\n%s", got, want)
				}
				equal(t, "nodes that answered", len(s.Nodes), 3)
				for _, c := range s.Calls {
					if (c.ParentKey == "") != (c.Depth == 0) || !c.Awaited {
						t.Errorf("Survey() has %+v, want a parent below the root, and everything awaited", c)
					}
				}
				cancel()
				<-done
			})
		})
	}
}

// TestSurveyPages: a node with more calls than one answer holds is asked again.
func TestSurveyPages(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{Slots: 5000}, actor.Handle("wait", forever))
		caller := start(t, b, actor.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var calls []<-chan request
		for range 2500 {
			calls = append(calls, requesting(ctx, caller, "wait", ""))
		}
		pass(2 * time.Second)
		s := survey(t, caller)
		equal(t, "calls", len(s.Calls), 2500)
		equal(t, "nodes that were cut", len(s.Cut), 0)
		cancel()
		for _, c := range calls {
			<-c
		}
	})
}

// TestSurveyHeld: a call that no worker has is shown as its caller knows it.
func TestSurveyHeld(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		caller := start(t, b, actor.Config{Grace: 500 * time.Millisecond})
		done := requesting(t.Context(), caller, "nobody", "")
		pass(10 * time.Millisecond)
		s := survey(t, caller)
		if len(s.Calls) != 1 || s.Calls[0].Task != "nobody" || s.Calls[0].Node != "" || !s.Calls[0].Awaited {
			t.Errorf("Survey() = %+v, want the call that its caller holds", s.Calls)
		}
		<-done
	})
}

// TestCancelCall: cancel at the awaiter ends the whole subtree, and nothing is
// tried again.
func TestCancelCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, task string
		noLocal    bool
	}{
		{"the root", "root", true},
		{"the root, calls stay", "root", false},
		{"a branch", "branch", true},
		{"a branch, calls stay", "branch", false},
		{"a leaf", "leaf", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				cfg := actor.Config{NoLocal: c.noLocal}
				causes := make(chan string, 10)
				leaf := func(ctx context.Context, _ []byte) ([]byte, error) {
					<-ctx.Done()
					causes <- context.Cause(ctx).Error()
					return nil, ctx.Err()
				}
				start(t, b, cfg, actor.Handle("root", asking("branch", 1)), actor.Handle("branch", asking("leaf", 1)))
				start(t, b, cfg, actor.Handle("leaf", leaf))
				caller := start(t, b, actor.Config{})
				done := requesting(t.Context(), caller, "root", "")
				pass(time.Second)
				s := survey(t, caller)
				i := slices.IndexFunc(s.Calls, func(r actor.CallInfo) bool { return r.Task == c.task })
				if err := caller.CancelCall(t.Context(), s.Calls[i], "no longer wanted"); err != nil {
					t.Errorf("CancelCall() = %v", err)
				}
				if cause := <-causes; !strings.Contains(cause, "no longer wanted") {
					t.Errorf("the leaf's context ended with %q, want the reason", cause)
				}
				err := (<-done).err
				is(t, "Request()", err, context.Canceled)
				pass(time.Second)
				equal(t, "calls left", len(survey(t, caller).Calls), 0)
			})
		})
	}
}

// TestCancelForeign: a foreign caller's call is cancelled at its worker, and
// one that a node told itself as well.
func TestCancelForeign(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{}, actor.Handle("wait", forever))
		f := newForeigner(t, b)
		f.publish("at.default.task.wait", "_INBOX.me.1", "", nil)
		synctest.Wait()
		s := survey(t, n)
		equal(t, "calls", len(s.Calls), 1)
		if err := n.CancelCall(t.Context(), s.Calls[0], "enough"); err != nil {
			t.Errorf("CancelCall() = %v", err)
		}
		if got := string((<-f.inbox).Data); !strings.Contains(got, "cancel") {
			t.Errorf("the foreign caller got %q, want that it was cancelled", got)
		}
	})
}

// TestOperateOnNobody: questions to a node that is not there end at once.
func TestOperateOnNobody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		n := start(t, loopback.New(), actor.Config{})
		within(t, "three questions to nobody", time.Second, func() {
			_, err := n.Stacks(t.Context(), "nobody")
			for what, err := range map[string]error{
				"Stacks()":    err,
				"DrainNode()": n.DrainNode(t.Context(), "nobody"),
				"PingNode()":  n.PingNode(t.Context(), "nobody"),
			} {
				if !errors.Is(err, actor.ErrNodeGone) {
					t.Errorf("%s = %v, want ErrNodeGone", what, err)
				}
			}
			if err := n.PingNode(t.Context(), "no body"); !errors.Is(err, actor.ErrBadName) {
				t.Errorf("PingNode() of no name = %v, want ErrBadName", err)
			}
		})
	})
}

// TestOperate: a node is asked, and told to drain.
func TestOperate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		one, two := start(t, b, actor.Config{}), start(t, b, actor.Config{})
		pongs, err := one.Ping(t.Context(), surveyWait)
		if err != nil || len(pongs) != 2 {
			t.Errorf("Ping() = %v, %v, want both nodes", pongs, err)
		}
		if err := one.PingNode(t.Context(), two.ID()); err != nil {
			t.Errorf("PingNode() = %v", err)
		}
		if stacks, err := one.Stacks(t.Context(), two.ID()); err != nil || !strings.Contains(stacks, "goroutine") {
			t.Errorf("Stacks() = %.20q, %v, want stacks", stacks, err)
		}
		if err := one.DrainNode(t.Context(), two.ID()); err != nil {
			t.Errorf("DrainNode() = %v", err)
		}
		<-two.Done()
		one.Close()
		if _, err := one.Ping(t.Context(), surveyWait); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("Ping() after Close = %v, want ErrClosed", err)
		}
	})
}
