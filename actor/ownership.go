package actor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// keeper keeps the state of a node's entities in a store, so that it outlives
// them, and sees to it that of several nodes one at a time commits it.
//
// Each entity's record says who owns it. To own one a node writes itself into
// the record, by compare-and-set on what it has read; so does each save. A
// node that was the owner, however late it wakes, is refused. Before a node
// takes an entity from another one it has that node's word that it has let go
// of it, or revokes that node's lease, without which it answers nothing.
type keeper struct {
	n     *Node
	store transport.Scheduler
	lease *lease
	due   *due

	mu      sync.Mutex
	revoked map[string]uint64 // by node, the number of its lease up to which all are
}

// maxRevoked bounds what a node remembers of others.
const maxRevoked = 4096

// ownership is what a node knows of an entity that it has claimed. It belongs
// to the message whose turn it is.
type ownership struct {
	lease    uint64 // under which it was claimed; 0 when it is not
	epoch    uint64
	write    uint64 // the number of the state that was committed last
	shape    int    // of what is in activation.committed
	revision transport.Revision
	empty    bool // the record has no state

	reminders map[string]wire.Pending // by name
}

// refused is the error of a message that the runtime refuses.
type refused struct{ *wire.Failure }

func (r refused) Error() string { return textOf(r.Code, r.Message) }

// refusal is one.
func refusal(code string, executed wire.Executed, format string, args ...any) error {
	return refused{&wire.Failure{Code: code, Executed: executed, Message: fmt.Sprintf(format, args...)}}
}

// openKeeper opens the store of a node that is to host kinds whose state
// outlives their owner, unless it is open.
func (n *Node) openKeeper(ctx context.Context) error {
	if n.keeper.Load() != nil {
		return nil
	}
	s, ok := n.conn.(transport.Storer)
	if !ok {
		return fmt.Errorf("transport %s keeps no records: declare the kind Volatile, or connect by one that does, such as NATS with JetStream", n.conn.Features().Transport)
	}
	store, err := s.OpenStore(ctx, transport.StoreConfig{Name: wire.StoreName(n.cfg.Namespace), Schedules: true})
	if err != nil {
		return fmt.Errorf("open the store of the namespace: %w", err)
	}
	scheduler, ok := store.(transport.Scheduler)
	if !ok {
		return errors.Join(fmt.Errorf("the store %q cannot store records later, as reminders need it", wire.StoreName(n.cfg.Namespace)), store.Close())
	}
	k := &keeper{n: n, store: scheduler, lease: newLease(n, store), revoked: make(map[string]uint64)}
	k.due = newDue(k)
	if err := k.lease.acquire(ctx); err != nil {
		return fmt.Errorf("acquire the lease of node %s: %w", n.id, errors.Join(err, store.Close()))
	}
	n.keeper.Store(k)
	n.spawn(k.lease.run)
	n.spawn(k.due.run)
	return nil
}

// close lets go of what the node has in the store, as much as it can in a
// moment. No message is executed any more.
func (k *keeper) close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	k.lease.giveUp(ctx)
	for key, revision := range k.n.worker.emptyClaims() {
		if ctx.Err() != nil {
			break
		}
		k.sweepUp(ctx, key, revision)
	}
}

// owned says whether the node may use what it has in memory of the entity.
func (a *activation) owned() bool {
	return a.own == nil || a.own.lease != 0 && a.own.lease == a.kind.keeper.lease.held.Load()
}

// lose forgets what was had of an entity: the record says what is true.
func (a *activation) lose() {
	*a.own = ownership{}
	a.state, a.committed = nil, nil
}

// claim makes this node the owner of an entity, with what the record says of
// it. It waits until the one before lets go.
func (k *keeper) claim(ex *execution, a *activation) error {
	ctx, cancel := context.WithTimeout(ex, k.n.cfg.Patience)
	defer cancel()
	a.lose()
	var trouble error
	for pause := firstStorePause; ; pause = min(2*pause, longestStorePause) {
		err := k.tryClaim(ctx, a)
		if err == nil || isFinal(err) {
			return err
		}
		if ctx.Err() == nil {
			trouble = err
		}
		if err := k.lease.wait(ctx, pause); err != nil {
			if ex.Err() != nil {
				return ex.Err()
			}
			return refusal(wire.CodeBusy, wire.ExecutedNo, "node %s could not claim %s: %v", k.n.id, a.describe(), errors.Join(trouble, err))
		}
	}
}

// isFinal says whether trying again is in vain.
func isFinal(err error) bool {
	var r refused
	return errors.As(err, &r)
}

// tryClaim tries once. Should another node be faster, the record tells whose the
// entity is the next time.
func (k *keeper) tryClaim(ctx context.Context, a *activation) error {
	number, err := k.lease.number(ctx)
	if err != nil {
		return err
	}
	key := wire.StateKey(a.kind.name, a.key)
	e, err := k.store.Get(ctx, key)
	r := new(wire.Record)
	switch {
	case errors.Is(err, transport.ErrNotFound):
		e.Revision = 0
	case err != nil:
		return err
	default:
		if r, err = wire.ParseRecord(e.Value); err != nil {
			return refusal(wire.CodeFailed, wire.ExecutedNo, "record %q of store %q: %v", key, wire.StoreName(k.n.cfg.Namespace), err)
		}
		if r.Shape > len(a.kind.upgrades) {
			return refusal(wire.CodeFailed, wire.ExecutedNo,
				"the state of %s %q has shape %d and this program knows up to %d: a newer program has written it, deploy that one here too", a.kind.name, a.key, r.Shape, len(a.kind.upgrades))
		}
		if r.Owner != k.n.id {
			if err := k.takeFrom(ctx, r.Owner, r.Lease, a); err != nil {
				return err
			}
		}
	}
	r.Owner, r.Lease, r.Epoch, r.Write = k.n.id, number, r.Epoch+1, 0
	value, err := r.Encode()
	if err != nil {
		return err
	}
	revision, err := k.store.Put(ctx, key, value, e.Revision, 0)
	if err != nil {
		return err
	}
	*a.own = ownership{lease: number, epoch: r.Epoch, shape: r.Shape, revision: revision, empty: !r.Present, reminders: r.Reminders}
	if r.Present {
		a.committed = r.State
	}
	a.epoch.Store(r.Epoch)
	return nil
}

// errHeld says that another node still executes messages of the entity.
var errHeld = errors.New("its owner still executes messages that it had before")

// takeFrom returns nil when the node that owned an entity under a lease will
// answer nothing from it any more.
func (k *keeper) takeFrom(ctx context.Context, node string, number uint64, a *activation) error {
	k.mu.Lock()
	done := k.revoked[node] >= number
	k.mu.Unlock()
	if done {
		return nil
	}
	switch k.askRelease(ctx, node, a) {
	case releaseFree:
		return nil
	case releaseHeld:
		return fmt.Errorf("node %s: %w", node, errHeld)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return k.revoke(ctx, node, number)
}

// revoke ends a node's lease of that number, should it still have it.
func (k *keeper) revoke(ctx context.Context, node string, number uint64) error {
	key := wire.LeaseKey(node)
	for {
		var l wire.Lease
		e, err := k.store.Get(ctx, key)
		switch {
		case err == nil:
			l, _ = wire.ParseLease(e.Value)
		case !errors.Is(err, transport.ErrNotFound):
			return err
		}
		if l.Number > number || l.Revoked && l.Number == number {
			k.remember(node, number)
			return nil
		}
		_, err = k.store.Put(ctx, key, wire.Lease{Number: number, Revoked: true}.Encode(), e.Revision, leaseTTL)
		if err == nil {
			if e.Revision != 0 { // otherwise it has left, or was gone for long
				k.n.log.Warn("lease revoked: a host is silent", "host", node)
			}
			k.remember(node, number)
			return nil
		}
		if !errors.Is(err, transport.ErrConflict) {
			return err
		}
	}
}

// remember takes note that all leases of a node up to a number are revoked.
func (k *keeper) remember(node string, number uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.revoked) >= maxRevoked {
		clear(k.revoked) // it costs a question each to learn again
	}
	k.revoked[node] = max(k.revoked[node], number)
}

// The answers to the question to let go of an entity.
const (
	releaseFree = "free" // the node has no part in it
	releaseHeld = "held" // it has messages for it
)

// askRelease asks a node to let go of an entity. It returns what that answers;
// "" when it does not.
func (k *keeper) askRelease(ctx context.Context, node string, a *activation) string {
	body := []byte(wire.AppendLink("", a.kind.name, a.key))
	for gone := false; ; gone = true {
		begun := k.n.clock.now()
		within, cancel := context.WithTimeout(ctx, k.n.cfg.LostAfter)
		answer, err := k.n.ask(within, node, wire.VerbRelease, body)
		cancel()
		switch {
		case err == nil:
			return string(answer)
		case ctx.Err() != nil:
			return ""
		case errors.Is(err, ErrNodeGone):
			k.n.members.missed(node)
			if gone { // in a cluster of brokers, word of a subscription takes a moment
				return ""
			}
			if k.lease.wait(ctx, goneAfter) != nil {
				return ""
			}
		case k.n.clock.now().sub(begun) < 2*k.n.cfg.LostAfter:
			return "" // otherwise it was this node that was frozen
		}
	}
}

// released answers a node that wants an entity to itself.
func (n *Node) released(m *transport.Message, _ bool) {
	kind, key, ok := wire.ParseLink(string(m.Data[:min(len(m.Data), 1024)]))
	if !ok {
		n.dropped(wire.VerbRelease, "it names no entity")
		return
	}
	n.answer(m.Reply, []byte(n.worker.release(kind, key)))
}

// release takes an idle entity out of memory.
func (w *worker) release(kind, key string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.kinds[kind]
	if h == nil {
		return releaseFree
	}
	a := h.activations[key]
	switch {
	case a == nil:
		return releaseFree
	case a.held > 0:
		return releaseHeld
	}
	h.passivateLocked(a)
	return releaseFree
}

// describe names an entity in a log or an error.
func (a *activation) describe() string { return a.kind.name + " " + strconv.Quote(a.key) }
