package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport/loopback"
)

// note is what a reminder is to do.
type note struct {
	Name   string
	In     time.Duration
	Text   string
	Cancel bool
	Fail   bool
	Times  int // how many reminders, each with a name of its own
}

// pad is state that sets reminders.
type pad struct{ Notes []string }

var (
	pads    = actor.DeclareKind[pad]("pad", actor.IdleAfter(time.Minute))
	padSet  = actor.Method[note, struct{}](pads, "set")
	padNote = actor.Method[note, struct{}](pads, "note")
	padRead = actor.Method[struct{}, []string](pads, "read", actor.ReadOnly())
	padBad  = actor.Method[struct{}, string](pads, "bad")

	scraps    = actor.DeclareKind[pad]("scrap", actor.Volatile())
	scrapSet  = actor.Method[note, struct{}](scraps, "set")
	scrapNote = actor.Method[note, struct{}](scraps, "note")
)

func (p *pad) Set(ctx context.Context, n note) (struct{}, error) {
	var err error
	switch {
	case n.Cancel:
		err = actor.CancelReminder(ctx, n.Name)
	case n.Times > 0:
		for i := range n.Times {
			err = errors.Join(err, actor.Remind(ctx, fmt.Sprint(n.Name, i), time.Now().Add(n.In), padNote, n))
		}
	default:
		err = actor.Remind(ctx, n.Name, time.Now().Add(n.In), padNote, note{Text: n.Text, Fail: n.Text == "fail"})
	}
	if n.Fail {
		err = errPoor
	}
	return struct{}{}, err
}

func (p *pad) Note(ctx context.Context, n note) (struct{}, error) {
	if n.Fail {
		return struct{}{}, errPoor
	}
	p.Notes = append(p.Notes, n.Text)
	if text, again := strings.CutPrefix(n.Text, "again "); again {
		return struct{}{}, actor.Remind(ctx, "again", time.Now().Add(time.Second), padNote, note{Text: text})
	}
	return struct{}{}, nil
}

func servePads() []actor.Servable {
	return []actor.Servable{
		pads.With(
			padSet.With((*pad).Set), padNote.With((*pad).Note),
			padRead.With(func(p *pad, ctx context.Context, _ struct{}) ([]string, error) {
				if err := actor.Remind(ctx, "x", time.Now(), padNote, note{}); !errors.Is(err, actor.ErrBadOption) {
					return nil, fmt.Errorf("Remind() in a method that only reads = %w", err)
				}
				return p.Notes, nil
			}),
			padBad.With(func(_ *pad, ctx context.Context, _ struct{}) (string, error) {
				return fmt.Sprint(
					actor.Remind(ctx, "", time.Now(), padNote, note{}), "\n",
					actor.Remind(ctx, "x", time.Now(), padRead, struct{}{}), "\n",
					actor.Remind(ctx, "x", time.Now(), vaultAdd2, 1), "\n",
					actor.Remind(ctx, "x", time.Now(), padNote, note{Text: strings.Repeat("x", 2<<20)}),
				), nil
			}),
		),
		scraps.With(
			scrapSet.With(func(_ *pad, ctx context.Context, _ note) (struct{}, error) {
				return struct{}{}, actor.Remind(ctx, "x", time.Now(), scrapNote, note{})
			}),
			scrapNote.With((*pad).Note),
		),
	}
}

// vaultAdd2 is a method of another kind with the same state.
var vaultAdd2 = actor.Method[int, int](actor.DeclareKind[pad]("other"), "add")

// padDesk asks about pads.
type padDesk struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // of one test
}

func (d padDesk) set(key string, n note) {
	d.t.Helper()
	if _, err := padSet.Ask(d.ctx, key, n); err != nil && !n.Fail {
		d.t.Fatalf("set %+v = %v", n, err)
	}
}

func (d padDesk) expect(key string, want ...string) {
	d.t.Helper()
	if got, err := padRead.Ask(d.ctx, key, struct{}{}); !slices.Equal(got, want) || err != nil {
		d.t.Errorf("%s holds %q, %v, want %q", key, got, err, want)
	}
}

// TestRemind: a reminder comes once, not before its time, whatever the codec of
// its node, unless it was replaced, taken back or set by a method that failed.
func TestRemind(t *testing.T) {
	t.Parallel()
	for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
		t.Run(c.ContentType(), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				node := start(t, b, actor.Config{Codec: c}, servePads()...)
				d := padDesk{t, node.Context(t.Context())}
				d.set("a/b", note{Name: "one", In: 5 * time.Second, Text: "first"})
				d.set("a/b", note{Name: "two", In: 2 * time.Second, Text: "second"})
				d.set("a/b", note{Name: "two", In: 3 * time.Second, Text: "again third"})
				d.set("a/b", note{Name: "three", In: time.Second, Text: "cancelled"})
				d.set("a/b", note{Name: "three", Cancel: true})
				d.set("a/b", note{Name: "four", In: time.Second, Text: "never", Fail: true})
				d.set("a/b", note{Name: "five", In: -time.Hour, Text: "at once"})
				d.set("a/b", note{Name: "six", In: time.Second, Text: "fail"})
				d.set("c", note{Name: "one", In: time.Second, Text: "deleted"})
				if err := pads.Delete(d.ctx, "c"); err != nil {
					t.Fatal(err)
				}
				pass(2900 * time.Millisecond)
				d.expect("a/b", "at once")
				pass(300 * time.Millisecond)
				d.expect("a/b", "at once", "again third")
				pass(1300 * time.Millisecond)
				d.expect("a/b", "at once", "again third", "third")
				pass(time.Minute)
				d.expect("a/b", "at once", "again third", "third", "first")
				d.expect("c")
				pass(2 * time.Minute)
				if left := stored(t, b, "due"); len(left) > 0 {
					t.Errorf("reminders %q are left in the store", left)
				}
			})
		})
	}
}

// TestRemindAcrossNodes: a reminder comes when no node was running when it was
// set, or when it was due, and once where several are.
func TestRemindAcrossNodes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		const keys = 30
		first := start(t, b, actor.Config{}, servePads()...)
		for i := range keys {
			padDesk{t, first.Context(t.Context())}.set(fmt.Sprint(i), note{Name: "n", In: 10 * time.Second, Text: "x"})
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		asking := start(t, b, actor.Config{})
		for range 3 {
			start(t, b, actor.Config{}, servePads()...)
		}
		pass(5 * time.Second)
		d := padDesk{t, asking.Context(t.Context())}
		for i := range keys {
			d.expect(fmt.Sprint(i), "x")
			d.set(fmt.Sprint(i), note{Name: "n", In: time.Second, Text: "y"})
		}
		start(t, b, actor.Config{}, servePads()...)
		pass(5 * time.Second)
		for i := range keys {
			d.expect(fmt.Sprint(i), "x", "y")
		}
		if left := stored(t, b, "due"); len(left) > 0 {
			t.Errorf("reminders %q are left in the store", left)
		}
	})
}

// TestRemindRefusals: what cannot be a reminder is refused with what to do.
func TestRemindRefusals(t *testing.T) {
	virtual(t, func(t *testing.T) {
		node := start(t, loopback.New(), actor.Config{}, servePads()...)
		ctx := node.Context(t.Context())
		got, err := padBad.Ask(ctx, "a", struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(got, "\n")
		for i, want := range []string{"the name has 0 bytes", "want a method that may write", `want a method of kind "pad"`, "send a reference"} {
			if i >= len(lines) || !strings.Contains(lines[i], want) {
				t.Errorf("refusals are %q, want %q in number %d", lines, want, i)
			}
		}
		if _, err := scrapSet.Ask(ctx, "a", note{}); err == nil || !strings.Contains(err.Error(), "Volatile") {
			t.Errorf("Remind() for a volatile kind = %v", err)
		}
		if err := actor.Remind(ctx, "x", time.Now(), padNote, note{}); !errors.Is(err, actor.ErrBadOption) {
			t.Errorf("Remind() outside of a method = %v, want ErrBadOption", err)
		}
		if _, err := padSet.Ask(ctx, "many", note{Name: "n", In: time.Hour, Times: actor.MaxReminders}); err != nil {
			t.Errorf("%d reminders: %v", actor.MaxReminders, err)
		}
		if _, err := padSet.Ask(ctx, "many", note{Name: "more", In: time.Hour, Times: 1}); err == nil || !strings.Contains(err.Error(), "at most 64") {
			t.Errorf("one more = %v", err)
		}
	})
}
