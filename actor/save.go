package actor

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// save commits an entity's state to the store: the method's answer waits for
// it. An error says what is known. Then what is in memory counts no more, unless
// the store says that nothing was written.
func (k *keeper) save(ex *execution, a *activation, state []byte) error {
	reminders, err := a.plan(ex.entity.reminder)
	if err != nil {
		return err
	}
	r := wire.Record{
		Owner: k.n.id, Lease: a.own.lease, Epoch: a.own.epoch, Write: a.own.write + 1,
		Shape: len(a.kind.upgrades), State: state, Present: true, Reminders: reminders,
	}
	value, err := r.Encode()
	if err != nil {
		return fmt.Errorf("the record of %s: %w", a.describe(), err)
	}
	if limit := k.n.maxPayload(); limit > 0 && len(value)+transport.RecordOverhead > limit {
		return fmt.Errorf("%w: the state of %s has %d bytes, a record at most %d: keep less in one entity, or raise the broker's limit", ErrTooLarge, a.describe(), len(state), limit-transport.RecordOverhead)
	}
	if len(a.reminders) > 0 {
		ctx, cancel := context.WithTimeout(k.n.sending, k.n.cfg.Patience)
		err := k.setReminders(ctx, a, reminders)
		cancel()
		if err != nil {
			k.dropReminders(a, reminders, a.own.reminders)
			return err
		}
	}
	before := a.own.reminders
	revision, err := k.settle(a, &r, value)
	if err != nil {
		return err // those that were set are recognized as nobody's when they come
	}
	*a.own = ownership{lease: r.Lease, epoch: r.Epoch, write: r.Write, shape: r.Shape, revision: revision, reminders: reminders}
	if len(before) > 0 {
		k.dropReminders(a, before, reminders)
	}
	a.committed = nil
	if !a.kind.plain {
		a.committed = state
	}
	return nil
}

// settle puts a record until it is known what has become of it. The end of the
// message's context does not matter: the method has run. It does not wait for
// longer than Config.Patience.
func (k *keeper) settle(a *activation, r *wire.Record, value []byte) (revision transport.Revision, err error) {
	key := wire.StateKey(a.kind.name, a.key)
	last := a.own.revision
	if mutant.NoFence {
		if e, err := k.store.Get(k.n.sending, key); err == nil {
			last = e.Revision
		}
	}
	revision, err = k.store.Put(k.n.sending, key, value, last, 0)
	if err == nil {
		return revision, nil
	}
	ctx, cancel := context.WithTimeout(k.n.sending, k.n.cfg.Patience)
	defer cancel()
	unknown := false
	for pause := firstStorePause; ; pause = min(2*pause, longestStorePause) {
		switch {
		case err == nil:
			return revision, nil
		case errors.Is(err, transport.ErrUnknownOutcome):
			unknown = true
		case errors.Is(err, transport.ErrConflict):
			if !unknown {
				a.lose()
				return 0, k.conflict(a)
			}
			if found, done := k.look(ctx, a, r, key); done {
				if found == 0 {
					a.lose()
					return 0, k.unsettled(a, "another node has taken it over since")
				}
				return found, nil
			}
		case errors.Is(err, transport.ErrStoreUnavailable):
		default: // for want of permission, say: nothing was written
			if unknown {
				a.lose()
				return 0, k.unsettled(a, err.Error())
			}
			return 0, refusal(wire.CodeUnsaved, wire.ExecutedYes, "%s: %v", a.describe(), err)
		}
		if k.lease.wait(ctx, pause) != nil {
			break
		}
		revision, err = k.store.Put(ctx, key, value, last, 0)
	}
	if unknown {
		a.lose()
		return 0, k.unsettled(a, err.Error())
	}
	return 0, refusal(wire.CodeUnsaved, wire.ExecutedYes, "%s: the store did not take it within %v: %v", a.describe(), k.n.cfg.Patience, err)
}

// look finds out whether a record that may have been put was. done is false
// when that is not known yet, found 0 when another node has written since.
func (k *keeper) look(ctx context.Context, a *activation, r *wire.Record, key string) (found transport.Revision, done bool) {
	e, err := k.store.Get(ctx, key)
	if errors.Is(err, transport.ErrNotFound) {
		return 0, true
	}
	if err != nil || e.Revision <= a.own.revision { // from a server that does not know of it yet
		return 0, false
	}
	if now, err := wire.ParseRecord(e.Value); err == nil && now.Owner == r.Owner && now.Epoch == r.Epoch && now.Write == r.Write {
		return e.Revision, true
	}
	return 0, true
}

// conflict is the error of a save that another node's claim has refused.
func (k *keeper) conflict(a *activation) error {
	return refusal(wire.CodeConflict, wire.ExecutedYes, "another node has taken over %s: what the method did to it has no effect", a.describe())
}

// unsettled is the error of a save of which nobody can say what it came to.
func (k *keeper) unsettled(a *activation, why string) error {
	return refusal(wire.CodeWorkerLost, wire.ExecutedUnknown, "the state of %s may have been saved or not: %s", a.describe(), why)
}

// erase ends an entity's state in the store.
func (k *keeper) erase(a *activation) error {
	key := wire.StateKey(a.kind.name, a.key)
	ctx, cancel := context.WithTimeout(k.n.sending, k.n.cfg.Patience)
	defer cancel()
	unknown := false
	for pause := firstStorePause; ; pause = min(2*pause, longestStorePause) {
		err := k.store.Delete(ctx, key, a.own.revision)
		switch {
		case err == nil:
			k.dropReminders(a, a.own.reminders, nil)
			a.lose()
			return nil
		case errors.Is(err, transport.ErrUnknownOutcome):
			unknown = true
		case errors.Is(err, transport.ErrConflict) && !unknown:
			a.lose()
			return k.conflict(a)
		case errors.Is(err, transport.ErrConflict):
			if _, err := k.store.Get(ctx, key); errors.Is(err, transport.ErrNotFound) {
				a.lose()
				return nil // by us, or by another after us
			}
			a.lose()
			return k.unsettled(a, "another node has taken it over since")
		case !errors.Is(err, transport.ErrStoreUnavailable):
			return refusal(wire.CodeUnsaved, wire.ExecutedYes, "%s: %v", a.describe(), err)
		}
		if k.lease.wait(ctx, pause) == nil {
			continue
		}
		if unknown {
			a.lose()
			return k.unsettled(a, err.Error())
		}
		return refusal(wire.CodeUnsaved, wire.ExecutedYes, "%s: the store did not answer within %v: %v", a.describe(), k.n.cfg.Patience, err)
	}
}

// sweepUp removes the record of an entity that was claimed and never had a
// state, such as one that was only read.
func (k *keeper) sweepUp(ctx context.Context, key string, revision transport.Revision) {
	if err := k.store.Delete(ctx, key, revision); err != nil {
		k.n.log.Debug("empty record not removed", "key", key, "err", err)
	}
}

// proven lets an answer that wrote nothing go when it is known that the entity
// was this node's when the method ran.
func (ex *execution) proven(a *activation) error {
	if a.own == nil || ex.service.stale {
		return nil
	}
	k, number := a.kind.keeper, a.own.lease
	var err error
	ex.withoutSlot(func() { err = k.lease.proven(ex, number) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errLeaseLost):
		return refusal(wire.CodeConflict, wire.ExecutedYes, "%s: %v", a.describe(), err)
	case ex.Err() != nil:
		return ex.Err()
	default:
		return refusal(wire.CodeUnsaved, wire.ExecutedYes, "%s: the store did not confirm that it is this node's: %v", a.describe(), err)
	}
}

// withoutSlot runs f, which waits for the store, and lets others have the slot
// meanwhile.
func (ex *execution) withoutSlot(f func()) {
	w := ex.w
	w.mu.Lock()
	freed := w.parkLocked(ex)
	if freed {
		w.fillLocked()
	}
	w.mu.Unlock()
	f()
	if !freed {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ex.state == parked && ex.children == nil && !ex.holds {
		w.unparkLocked(ex)
	}
}
