package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestWatch: who watches sees calls start and end, also on a node that starts
// later, and nobody publishes when nobody watches any more.
func TestWatch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{}, actor.Handle("ok", echo),
			actor.Handle("bad", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("boom") }))
		watcher, caller := start(t, b, actor.Config{}), start(t, b, actor.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var seen []string
		done := make(chan error, 1)
		go func() {
			done <- watcher.Watch(ctx, func(b actor.EventBatch) {
				mu.Lock()
				defer mu.Unlock()
				for _, e := range b.Events {
					if e.Node == "" || e.Caller != caller.ID() || e.At == 0 || e.Call == "" {
						t.Errorf("event = %+v, want who, where and when", e)
					}
					seen = append(seen, e.Task+" "+e.Kind+" "+e.Error)
				}
			})
		}()
		pass(time.Second)
		for _, task := range []string{"ok", "bad"} {
			_, _ = caller.Request(t.Context(), task, nil)
			pass(time.Second)
		}
		start(t, b, actor.Config{}, actor.Handle("late", echo))
		pass(2 * time.Second)
		_, _ = caller.Request(t.Context(), "late", nil)
		pass(time.Second)
		want := "ok started |ok finished |bad started |bad failed boom|late started |late finished "
		mu.Lock()
		equal(t, "what a watcher saw", strings.Join(seen, "|"), want)
		mu.Unlock()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch() = %v, want the end of its context", err)
		}
		f := newForeigner(t, b)
		pass(10 * time.Second)
		sub, err := f.conn.Subscribe("at.default.event.>", "", func(m *transport.Message) { f.inbox <- *m })
		if err != nil {
			t.Fatal(err)
		}
		_, _ = caller.Request(t.Context(), "ok", nil)
		pass(time.Second)
		f.silence()
		sub.Close()
	})
}

// TestWatchTooMuch: above a bound events are counted only.
func TestWatchTooMuch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{}, actor.Handle("ok", echo))
		caller := start(t, b, actor.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var events, missed atomic.Uint64
		done := make(chan error, 1)
		go func() {
			done <- caller.Watch(ctx, func(b actor.EventBatch) {
				events.Add(uint64(len(b.Events)))
				missed.Add(b.Missed)
			})
		}()
		pass(time.Second)
		for range 2000 { // at one moment
			if _, err := caller.Request(t.Context(), "ok", nil); err != nil {
				t.Errorf("Request() = %v", err)
			}
		}
		pass(time.Second)
		// Calls that wait for a moment end in the next batch, which has room again.
		if e, m := events.Load(), missed.Load(); e < 500 || e > 1000 || e+m != 4000 {
			t.Errorf("%d events and %d missed of 4000, want 500 and 3500, or a few more and fewer", e, m)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch() = %v, want the end of its context", err)
		}
	})
}

// schemaItem holds what schemas have to cope with.
type schemaItem struct {
	Name  string         `json:"name"`
	Data  []byte         `json:"data"`
	When  time.Time      `json:"when"`
	For   time.Duration  `json:"for"`
	Any   any            `json:"any"`
	Left  *schemaItem    `json:"left"`
	Big   int64          `json:"big,string"`
	Parts map[string]int `json:"parts"`
}

type schemaPlain struct {
	ID   int64    `json:"id"`
	Tags []string `json:"tags"`
	Sub  struct {
		OK bool `json:"ok"`
	} `json:"sub"`
	Data []byte     `json:"data"`
	When *time.Time `json:"when"`
}

// TestSchema: a node tells what its tasks take, and refuses nothing that they
// accept.
func TestSchema(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{},
			actor.Implement(actor.NewTarget[schemaPlain, int]("plain"), func(context.Context, schemaPlain) (int, error) { return 0, nil }),
			actor.Implement(actor.NewTarget[schemaItem, []schemaItem]("odd"), func(context.Context, schemaItem) ([]schemaItem, error) { return nil, nil }),
			actor.Handle("raw", echo))
		asker := start(t, b, actor.Config{})
		s, err := asker.Schema(t.Context(), n.ID(), "plain")
		if err != nil {
			t.Fatalf("Schema() = %v", err)
		}
		want := `{"type":"object","properties":{"id":{"type":"integer"},"tags":{"type":["null","array"],"items":{"type":"string"}},` +
			`"sub":{"type":"object","properties":{"ok":{"type":"boolean"}}},"data":{"type":["null","string"],"contentEncoding":"base64"},` +
			`"when":{"type":["null","string"]}}}`
		equal(t, "the input of plain", string(s.Input), want)
		equal(t, "the output of plain", string(s.Output), `{"type":"integer"}`)
		if s, err = asker.Schema(t.Context(), n.ID(), "odd"); err != nil || strings.Contains(string(s.Input), "required") {
			t.Errorf("Schema(odd) = %s, %v, want one", s.Input, err)
		}
		s, err = asker.Schema(t.Context(), n.ID(), "raw")
		equal(t, "the schema of raw", fmt.Sprintf("%s %s %v", s.Input, s.Output, err), "{} {} <nil>")
		if _, err := asker.Schema(t.Context(), n.ID(), "none"); err == nil || !strings.Contains(err.Error(), "does not serve it") {
			t.Errorf("Schema() of what is not served = %v, want that", err)
		}
		if _, err := asker.Schema(t.Context(), n.ID(), "no good"); !errors.Is(err, actor.ErrBadName) {
			t.Errorf("Schema() of no name = %v, want ErrBadName", err)
		}
	})
}
