package actor

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// CallEvent is a call that started or ended on a worker.
type CallEvent struct {
	Kind    string `json:"kind"` // started, finished, failed
	At      int64  `json:"at"`   // milliseconds since 1970, by the worker's clock
	Call    string `json:"call"` // its ID
	Task    string `json:"task"`
	Node    string `json:"node,omitempty"` // the worker; not on the wire
	Caller  string `json:"caller,omitempty"`
	Depth   int    `json:"depth,omitempty"`
	Attempt int    `json:"attempt,omitempty"` // from the second on
	TookUS  int64  `json:"took_us,omitempty"` // of one that ended: the handler's time in microseconds
	Error   string `json:"error,omitempty"`   // of one that failed; the beginning of it
}

// EventBatch is what a node reports at once.
type EventBatch struct {
	Node   string      `json:"node"`
	Missed uint64      `json:"missed,omitempty"` // events since the last batch that are not reported, since there were too many
	Events []CallEvent `json:"events"`
}

const (
	feedPause   = 50 * time.Millisecond
	feedMost    = 500              // events in a pause; above that they are counted only
	watchLease  = 5 * time.Second  // for how long a watcher asks …
	watchRenew  = time.Second      // … again and again
	watchLonger = 60 * time.Second // a node reports at most so long without being asked again
)

// feed reports the calls of a node while somebody watches. While nobody does,
// a call pays one look at on, twice.
type feed struct {
	n  *Node
	on atomic.Bool

	mu     sync.Mutex // guards what follows
	until  instant
	events []CallEvent
	missed uint64
}

// watched goes on reporting for as long as a watcher asks.
func (f *feed) watched(m *transport.Message) {
	ms, err := strconv.ParseUint(string(m.Data[:min(len(m.Data), 20)]), 10, 32)
	if err != nil {
		f.n.dropped(m.Subject, "a watch without a time in milliseconds")
		return
	}
	lease := min(time.Duration(ms)*time.Millisecond, watchLonger)
	now := f.n.clock.now()
	f.mu.Lock()
	f.until = max(f.until, now.add(lease))
	begins := !f.on.Load()
	f.on.Store(true)
	f.mu.Unlock()
	if begins && !f.n.spawn(f.run) {
		f.on.Store(false)
	}
	f.n.answer(m.Reply, []byte(f.n.id))
}

// run publishes what happened, until nobody watches any more.
func (f *feed) run() {
	tick := time.NewTicker(feedPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.n.stop:
			f.on.Store(false)
			f.flush()
			return
		}
		f.flush()
		f.mu.Lock()
		over := f.n.clock.now() >= f.until
		if over {
			f.on.Store(false)
			f.events, f.missed = nil, 0
		}
		f.mu.Unlock()
		if over {
			return
		}
	}
}

// flush publishes one batch.
func (f *feed) flush() {
	f.mu.Lock()
	b := EventBatch{Node: f.n.id, Missed: f.missed, Events: f.events}
	f.events, f.missed = nil, 0
	f.mu.Unlock()
	if len(b.Events) == 0 && b.Missed == 0 {
		return
	}
	body, err := json.Marshal(b)
	if limit := f.n.maxPayload(); err == nil && limit > 0 && len(body) > limit {
		b.Missed += uint64(len(b.Events))
		b.Events = nil
		body, err = json.Marshal(b)
	}
	if err == nil {
		err = f.n.publish(wire.EventSubject(f.n.cfg.Namespace, f.n.id), "", nil, body)
	}
	if err != nil {
		f.n.log.Debug("events not sent", "err", err)
	}
}

// put takes an event of a call.
func (f *feed) put(ex *execution, e CallEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) >= feedMost {
		f.missed++
		return
	}
	e.At = time.Now().UnixMilli()
	e.Call, e.Task, e.Caller, e.Depth = ex.id(), ex.service.name, ex.caller, ex.depth
	if ex.attempt > 1 {
		e.Attempt = int(ex.attempt)
	}
	f.events = append(f.events, e)
}

func (f *feed) started(ex *execution) { f.put(ex, CallEvent{Kind: "started"}) }

func (f *feed) ended(ex *execution, failure string, took time.Duration) {
	e := CallEvent{Kind: "finished", TookUS: took.Microseconds()}
	if failure != "" {
		e.Kind, e.Error = "failed", failure[:min(len(failure), maxLastError)]
	}
	f.put(ex, e)
}

// Watch calls fn with what all nodes of the namespace report of the calls that
// they execute, until ctx ends, whose cause it returns. Calls cost more while
// somebody watches; a node with more than 10,000 events a second counts the
// rest as missed. A node that starts meanwhile is heard within a second. fn
// runs on one goroutine at a time; while it does not return, batches wait.
func (n *Node) Watch(ctx context.Context, fn func(EventBatch)) error {
	sub, err := n.conn.Subscribe(wire.EventPattern(n.cfg.Namespace), "", func(m *transport.Message) {
		var b EventBatch
		if json.Unmarshal(m.Data, &b) != nil {
			return // a stranger's
		}
		for i := range b.Events {
			b.Events[i].Node = b.Node
		}
		fn(b)
	})
	if err != nil {
		return fmt.Errorf("watch calls: %w", err)
	}
	defer sub.Close() //nolint:errcheck // what it would say nobody can use
	again := time.NewTicker(watchRenew)
	defer again.Stop()
	lease := strconv.AppendInt(nil, watchLease.Milliseconds(), 10)
	for {
		if err := n.publish(wire.NodeSubject(n.cfg.Namespace, wire.AllNodes, wire.VerbWatch), "", nil, lease); err != nil {
			n.log.Debug("watch not sent", "err", err) // the connection may come back
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.stop:
			return fmt.Errorf("watch calls: %w", ErrClosed)
		}
	}
}
