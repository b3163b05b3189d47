package actor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// MaxReminders is how many reminders an entity may have at once.
const MaxReminders = 64

// reminder is a reminder that a method has set, or, without an ID, taken back.
// It counts when the method succeeds.
type reminder struct {
	name string
	id   string
	at   time.Time
	body []byte
}

// Remind has the entity whose method runs under ctx get a message from itself
// at a time, whatever becomes of its owner until then: m, of the same kind, with
// in. The broker keeps it, and sends it when a host of the kind is there. The
// reminder counts if the method succeeds, and takes the place of the one of that
// name that the entity has. It comes never before at, usually within two seconds
// after it, and once: m must be a method that may write, and what it does is
// saved together with the reminder's end. An error of m is in the log.
//
// Deleting the entity takes its reminders back. name is 1 to 64 bytes of UTF-8;
// an entity has MaxReminders at most. It fails under any other context than that
// of an entity's method that may write, and for a Volatile kind, with
// ErrBadOption, and when in does not encode or is too large, with ErrBadInput or
// ErrTooLarge.
func Remind[In, Out, S any](ctx context.Context, name string, at time.Time, m *KindMethod[In, Out, S], in In) error {
	t := m.declared()
	if code, err := t.fault(); err != nil {
		return remindError(t.name, name, code, err)
	}
	ex, a, err := remindable(ctx)
	switch {
	case err != nil:
	case t.method.kind != a.kind.kindDecl:
		err = fmt.Errorf("want a method of kind %q, that of the entity", a.kind.name)
	case t.method.readOnly:
		err = errors.New("want a method that may write: only what saves can tell that the reminder has come")
	}
	if err == nil {
		err = checkReminder(name)
	}
	if err != nil {
		return remindError(t.name, name, codeBadOption, err)
	}
	input, err := marshal(stateCodec(), in)
	if err != nil {
		return remindError(t.name, name, wire.CodeBadInput, err)
	}
	r := wire.Reminder{Method: t.method.name, Input: input}
	body, err := r.Encode()
	if err != nil {
		return remindError(t.name, name, wire.CodeBadInput, err)
	}
	if limit := ex.w.n.maxPayload(); limit > 0 && len(body)+transport.ScheduleOverhead > limit {
		return remindError(t.name, name, wire.CodeTooLarge, errors.New(tooLargeMessage("reminder", len(body), limit-transport.ScheduleOverhead)))
	}
	ex.remind(reminder{name: name, id: rand.Text(), at: at, body: body})
	return nil
}

// remind notes a reminder. A method may set some on several goroutines.
func (ex *execution) remind(r reminder) {
	ex.w.mu.Lock()
	defer ex.w.mu.Unlock()
	a := ex.entity.at
	a.reminders = append(a.reminders, r)
}

// CancelReminder takes back the reminder of a name, if the method that runs
// under ctx succeeds. There need not be one. One that is due at this moment does
// not come any more either. It fails with ErrBadOption as Remind does.
func CancelReminder(ctx context.Context, name string) error {
	ex, _, err := remindable(ctx)
	if err == nil {
		err = checkReminder(name)
	}
	if err != nil {
		return remindError("", name, codeBadOption, err)
	}
	ex.remind(reminder{name: name})
	return nil
}

func remindError(target, name, code string, err error) error {
	return &Error{Code: code, Name: target, Message: fmt.Sprintf("reminder %q: %v", name, err), Executed: ExecutedNo}
}

// remindable returns the entity whose method runs under ctx, if it may set
// reminders.
func remindable(ctx context.Context) (*execution, *activation, error) {
	ex, _ := ctx.Value(executionKey{}).(*execution)
	switch {
	case ex == nil || ex.entity == nil || ex.entity.at == nil:
		return nil, nil, errors.New("want the context of an entity's method")
	case ex.entity.at.own == nil:
		return nil, nil, fmt.Errorf("kind %q is Volatile: it has nothing that survives; see After", ex.entity.kind.name)
	case ex.service.readOnly || ex.over.Load():
		return nil, nil, errors.New("want the context of a method that may write and that has not returned")
	}
	return ex, ex.entity.at, nil
}

func checkReminder(name string) error {
	const most = 64
	if len(name) == 0 || len(name) > most || strings.ToValidUTF8(name, "") != name {
		return fmt.Errorf("the name has %d bytes, want 1 to %d of UTF-8", len(name), most)
	}
	return nil
}

// plan returns what reminders the entity has after a method that set some, and
// that may have been one itself.
func (a *activation) plan(came string) (map[string]wire.Pending, error) {
	if len(a.reminders) == 0 && came == "" {
		return a.own.reminders, nil
	}
	next := maps.Clone(a.own.reminders)
	if next == nil {
		next = make(map[string]wire.Pending)
	}
	maps.DeleteFunc(next, func(_ string, p wire.Pending) bool { return p.ID == came })
	for _, r := range a.reminders {
		if delete(next, r.name); r.id != "" {
			next[r.name] = wire.Pending{ID: r.id, At: r.at.UnixMilli()}
		}
	}
	if len(next) > MaxReminders {
		// Those whose methods have failed are in the way.
		long := time.Now().Add(-24 * time.Hour).UnixMilli()
		maps.DeleteFunc(next, func(_ string, p wire.Pending) bool { return p.At < long })
	}
	if len(next) > MaxReminders {
		return nil, fmt.Errorf("%s would have %d reminders, at most %d: take some back, or let one stand for several", a.describe(), len(next), MaxReminders)
	}
	return next, nil
}

// setReminders puts the reminders that are new into the store, before the state
// that says so is saved.
func (k *keeper) setReminders(ctx context.Context, a *activation, next map[string]wire.Pending) error {
	for _, r := range a.reminders {
		if r.id == "" || next[r.name].ID != r.id {
			continue
		}
		key := wire.DueKey(a.kind.name, a.key, r.id)
		for pause := firstStorePause; ; pause = min(2*pause, longestStorePause) {
			err := k.store.Schedule(ctx, key, r.body, r.at)
			if err == nil {
				break
			}
			if unsettled := errors.Is(err, transport.ErrUnknownOutcome) || errors.Is(err, transport.ErrStoreUnavailable); !unsettled || k.lease.wait(ctx, pause) != nil {
				return refusal(wire.CodeUnsaved, wire.ExecutedYes, "reminder %q of %s: %v", r.name, a.describe(), err)
			}
		}
	}
	return nil
}

// dropReminders takes those out of the store that are of before and not in
// after. One that stays there by mistake is recognized when it comes.
func (k *keeper) dropReminders(a *activation, before, after map[string]wire.Pending) {
	for name, p := range before {
		if after[name].ID == p.ID {
			continue
		}
		key := wire.DueKey(a.kind.name, a.key, p.ID)
		k.n.spawn(func() {
			ctx, cancel := context.WithTimeout(k.n.sending, k.n.cfg.Patience)
			defer cancel()
			if err := k.store.Unschedule(ctx, key); err != nil {
				k.n.log.Debug("reminder not taken out of the store", "key", key, "err", err)
			}
		})
	}
}

// expects says whether a reminder that comes is one that the entity has.
func (o *ownership) expects(id string) bool {
	for _, p := range o.reminders {
		if p.ID == id {
			return true
		}
	}
	return false
}
