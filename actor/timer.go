package actor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// Timer is a message that an entity will get from itself.
type Timer struct {
	a      *activation
	method *Target
	body   []byte
	at     instant
	timer  *time.Timer // nil until it is armed; guarded by worker.mu
}

// timers are those of an entity, guarded by worker.mu.
type timers struct {
	set   []*Timer // by the method that runs: they count when it succeeds
	armed map[*Timer]struct{}
}

// After has the entity whose method runs under ctx get a message from itself
// once d has passed: m, of the same kind, with in. The timer counts if the
// method succeeds. It waits its turn among the entity's messages; nobody gets
// the answer, and an error of m is in the log. Stop takes it back.
//
// A timer lives in the owner's memory, where it keeps the entity beyond its
// IdleAfter. It is gone with the owner, when the key goes to another host, when
// the entity is deleted or has to make room for others; [Remind] survives all
// that. It fails under any other context than that of an entity's method that may
// write, with ErrBadOption, and when in does not encode, with ErrBadInput.
func After[In, Out, S any](ctx context.Context, d time.Duration, m *KindMethod[In, Out, S], in In) (*Timer, error) {
	t := m.declared()
	fail := func(code string, err error) (*Timer, error) {
		return nil, &Error{Code: code, Name: t.name, Message: fmt.Sprintf("timer after %v: %v", d, err), Executed: ExecutedNo}
	}
	if code, err := t.fault(); err != nil {
		return fail(code, err)
	}
	s := entityOf(ctx)
	switch {
	case s == nil || s.at == nil:
		return fail(codeBadOption, errors.New("want the context of an entity's method"))
	case t.method.kind != s.kind.kindDecl:
		return fail(codeBadOption, fmt.Errorf("want a method of kind %q, that of the entity", s.kind.name))
	}
	ex, _ := ctx.Value(executionKey{}).(*execution)
	w := ex.w
	body, err := marshal(w.n.cfg.Codec, in)
	if err != nil {
		return fail(wire.CodeBadInput, err)
	}
	timer := &Timer{a: s.at, method: t, body: body, at: w.n.clock.now().add(max(d, 0))}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ex.shares || ex.service.readOnly || ex.over.Load() {
		return fail(codeBadOption, errors.New("want the context of a method that may write and that has not returned"))
	}
	if timer.a.timers == nil {
		timer.a.timers = &timers{armed: make(map[*Timer]struct{})}
	}
	timer.a.timers.set = append(timer.a.timers.set, timer)
	return timer, nil
}

// Stop takes the timer back; false when its message has been sent, or never
// will be. It may be called from anywhere, at any time.
func (t *Timer) Stop() bool {
	w := t.a.kind.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := t.a.timers; all != nil {
		for i, s := range all.set {
			if s == t {
				all.set = append(all.set[:i:i], all.set[i+1:]...)
				return true
			}
		}
	}
	return t.disarmLocked()
}

// disarmLocked takes back a timer that is armed.
func (t *Timer) disarmLocked() bool {
	if all := t.a.timers; all != nil {
		if _, armed := all.armed[t]; armed {
			delete(all.armed, t)
			t.timer.Stop()
			return true
		}
	}
	return false
}

// armTimersLocked has the timers count that a method has set, if it succeeded.
func (a *activation) armTimersLocked(succeeded bool) {
	all := a.timers
	if all == nil || len(all.set) == 0 {
		return
	}
	set := all.set
	all.set = nil
	if !succeeded || a.deleted {
		return
	}
	now := a.kind.w.n.clock.now()
	for _, t := range set {
		all.armed[t] = struct{}{}
		t.timer = time.AfterFunc(max(0, t.at.sub(now)), t.fire)
	}
}

// stopTimersLocked takes back all timers.
func (a *activation) stopTimersLocked() {
	if a.timers == nil {
		return
	}
	for t := range a.timers.armed {
		t.timer.Stop()
	}
	a.timers = nil
}

// stopTimers takes back the timers of all entities.
func (w *worker) stopTimers() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.kinds {
		for _, a := range h.activations {
			a.stopTimersLocked()
		}
	}
}

// ticksLocked says whether the entity waits for a timer.
func (a *activation) ticksLocked() bool { return a.timers != nil && len(a.timers.armed) > 0 }

// fire sends the message.
func (t *Timer) fire() {
	w := t.a.kind.w
	w.mu.Lock()
	due := t.disarmLocked() && !w.closed
	w.mu.Unlock()
	if !due {
		return
	}
	w.n.spawn(func() {
		c := &call{to: &addressee{key: t.a.key}}
		c.begin(context.Background(), t.method, rawBody(t.body), []CallOption{Via(w.n), func(o *callOptions) { o.later = true }}, true)
		c.await(context.Background())
		if err := c.outcome(); err != nil {
			w.n.log.Warn("the message of a timer failed", "kind", t.a.kind.name, "method", t.method.method.name, "err", err)
		}
	})
}
