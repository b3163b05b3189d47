package actor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// due sends the reminders that have come to the entities that this node owns.
// All hosts see them; should two take themselves for the owner of one, the
// entity takes it once.
type due struct {
	k    *keeper
	kick chan struct{} // holds one when there is something to look at

	mu      sync.Mutex
	all     map[string]*dueReminder // by key of the store
	running int
}

// dueReminder is a reminder whose time has come.
type dueReminder struct {
	entry     transport.Entry
	kind, key string
	id        string
	sending   bool
	after     time.Time // when it is tried again
}

const (
	// remindAgain is how long a reminder waits that could not be sent.
	remindAgain = time.Second
	// maxRemindings is how many are sent at once.
	maxRemindings = 64
)

func newDue(k *keeper) *due {
	return &due{k: k, kick: make(chan struct{}, 1), all: make(map[string]*dueReminder)}
}

// changed takes what the store tells.
func (d *due) changed(c transport.Change) {
	if c.Kind == transport.Synced {
		return
	}
	d.mu.Lock()
	if c.Kind == transport.Deleted {
		delete(d.all, c.Entry.Key)
	} else if kind, key, id, ok := wire.ParseDueKey(c.Entry.Key); ok {
		d.all[c.Entry.Key] = &dueReminder{entry: c.Entry, kind: kind, key: key, id: id}
	} else {
		d.k.n.dropped(c.Entry.Key, "not the key of a reminder")
	}
	d.mu.Unlock()
	d.look()
}

// look has the reminders looked at soon.
func (d *due) look() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// run sends what is due until the node drains.
func (d *due) run() {
	watcher, err := d.k.store.Watch(wire.DuePrefix, d.changed)
	if err != nil {
		if !errors.Is(err, transport.ErrClosed) {
			d.k.n.log.Error("reminders do not come to this node", "err", err)
		}
		return
	}
	defer func() { _ = watcher.Close() }() // never fails
	tick := time.NewTicker(remindAgain)
	defer tick.Stop()
	for {
		select {
		case <-d.kick:
		case <-tick.C:
		case <-d.k.n.running.Done():
			return
		}
		d.send()
	}
}

// send sends what belongs to this node.
func (d *due) send() {
	n := d.k.n
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.all {
		if d.running >= maxRemindings {
			return
		}
		if r.sending || now.Before(r.after) || n.members.owner(r.kind, r.key) != n.id {
			continue
		}
		r.sending = n.spawn(func() { d.deliver(r) })
		if r.sending {
			d.running++
		}
	}
}

// deliver sends a reminder and, when the entity has had it, removes it.
func (d *due) deliver(r *dueReminder) {
	done := d.ask(r)
	if done {
		ctx, cancel := context.WithTimeout(d.k.n.sending, d.k.n.cfg.Patience)
		err := d.k.store.Delete(ctx, r.entry.Key, r.entry.Revision)
		cancel()
		done = err == nil || errors.Is(err, transport.ErrConflict)
	}
	d.mu.Lock()
	r.sending = false
	r.after = time.Now().Add(remindAgain)
	if done && d.all[r.entry.Key] == r {
		delete(d.all, r.entry.Key)
	}
	d.running--
	d.mu.Unlock()
	d.look()
}

// ask sends a reminder; false when it has to be sent again.
func (d *due) ask(r *dueReminder) bool {
	n := d.k.n
	say := n.log.With("kind", r.kind, "key", r.key)
	m, ok := wire.ParseReminder(r.entry.Value)
	if !ok {
		say.Error("a reminder that does not parse was dropped")
		return true
	}
	n.worker.mu.Lock()
	h := n.worker.kinds[r.kind]
	n.worker.mu.Unlock()
	if h == nil {
		return false // not yet
	}
	t := &Target{name: r.kind + "." + m.Method, method: &methodDecl{kind: h.kindDecl, name: m.Method}}
	c := &call{to: &addressee{key: r.key}}
	c.begin(n.running, t, rawBody(m.Input), []CallOption{Via(n), func(o *callOptions) { o.reminder, o.later = r.id, true }}, true)
	c.await(n.running)
	err := c.outcome()
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case wire.CodeFailed, wire.CodePanicked, wire.CodeBadInput, wire.CodeTooLarge, wire.CodeTooDeep:
		say.Error("the message of a reminder failed", "method", m.Method, "err", err)
		return true
	default:
		return false
	}
}
