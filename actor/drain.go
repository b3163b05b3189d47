package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// Run blocks until ctx ends or the node is closed, then drains within
// Config.DrainTimeout. It returns nil after a clean drain. When the connection
// ended by itself, it returns why.
func (n *Node) Run(ctx context.Context) error {
	select {
	case <-n.done:
		return n.outcome()
	case <-n.lost:
		<-n.done
		return fmt.Errorf("run node %s: its connection has ended: %w", n.id, n.connectionError())
	case <-ctx.Done():
	}
	return n.drainWithin("Config.DrainTimeout", n.cfg.DrainTimeout)
}

// drainWithin drains for at most d, a field of Config.
func (n *Node) drainWithin(field string, d time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), d, fmt.Errorf("%w: %s of %v is over", ErrDraining, field, d))
	defer cancel()
	return n.Drain(ctx)
}

// Drain stops the node without losing a call: it leaves the queue groups, so
// that new calls go elsewhere, finishes what it has in hand and what its
// handlers call, waits for the calls it made itself, and closes. Calls that
// are begun outside of handlers from now on fail with ErrDraining.
//
// When ctx ends first, what is left is cancelled with the cause of ctx,
// answered with ErrWorkerLost where it does not return soon, and named in the
// error. Drain blocks until the node is closed. It must not be called from a
// handler, which it would wait for. Further calls of Drain and Close wait for
// the first and return the same.
func (n *Node) Drain(ctx context.Context) error {
	if !n.phaseTo(phaseDraining) {
		<-n.done
		return n.outcome()
	}
	n.endRunning()
	n.log.Info("draining")
	left := n.finishAll(ctx)
	n.phaseTo(phaseClosed)
	err := n.shut("the node was closed")
	if len(left) > 0 {
		err = errors.Join(fmt.Errorf("drain node %s: %w: these calls were cut short: %s", n.id, context.Cause(ctx), left), err)
	}
	n.mu.Lock()
	n.endErr = err
	n.mu.Unlock()
	close(n.done)
	n.log.Info("node closed", "cut_short", len(left))
	return err
}

// Close drains for at most Config.CloseTimeout, then closes the node and its
// connection. It is idempotent, and safe on a node that is draining, which it
// waits for.
func (n *Node) Close() error { return n.drainWithin("Config.CloseTimeout", n.cfg.CloseTimeout) }

// phaseTo moves the node's life on; false when it was there already.
func (n *Node) phaseTo(p phase) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.phaseNow() >= p {
		return false
	}
	n.phase.Store(int32(p))
	return true
}

func (n *Node) phaseNow() phase { return phase(n.phase.Load()) }

func (p phase) err() error {
	switch p {
	case phaseDraining:
		return ErrDraining
	case phaseClosed:
		return ErrClosed
	default:
		return nil
	}
}

// String is the phase as info shows it.
func (p phase) String() string {
	switch p {
	case phaseRunning:
		return stateRunning
	case phaseDraining:
		return "draining"
	default:
		return "closed"
	}
}

const stateRunning = "running"

// outcome is what Drain returned.
func (n *Node) outcome() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.endErr
}

// finishAll ends the node's part in all calls, in good order until ctx ends.
// It returns the calls that were cut short.
func (n *Node) finishAll(ctx context.Context) cutShort {
	if mutant.NoDrain {
		return nil
	}
	n.worker.beginDrain()
	n.members.leave()
	leaveErr := n.leave(ctx)
	if leaveErr != nil {
		n.log.Warn("could not leave all queue groups in time", "err", leaveErr)
	}
	n.worker.refuse()
	if n.finish(ctx) {
		// What others have sent to this node by name is sent back to them;
		// what they send from now on the broker answers.
		if n.own != nil && n.connected() { // it is not while a start fails
			if err := n.own.Drain(ctx); err != nil {
				n.log.Warn("could not leave the node's own subject in time", "err", err)
			}
		}
		return nil
	}
	cause := context.Cause(ctx)
	if !errors.Is(cause, ErrDraining) {
		cause = fmt.Errorf("%w: %w", ErrDraining, cause)
	}
	giveUp := time.AfterFunc(lastWait, func() { n.giveUp(cause) })
	defer giveUp.Stop()
	left := cutShortOf(n.worker.cancelAll(cause))
	n.calls.cancelAll(cause, left)
	after, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	n.finish(after)
	return left
}

// finish waits until nothing is in hand and no call of this node is under way;
// false when ctx ends first.
func (n *Node) finish(ctx context.Context) bool {
	for busy := n.unfinished(); busy != nil; busy = n.unfinished() {
		if !waitFor(ctx, busy) {
			return false
		}
	}
	return true
}

// unfinished returns nil when nothing is in hand and no call of this node is
// under way, otherwise a channel that is closed when one of the two has become
// true. Both are looked at in one: a call that is under way may be taken in
// hand, and what is in hand may make calls.
func (n *Node) unfinished() <-chan struct{} {
	w := n.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case w.inHand > 0:
		if w.quiet == nil {
			w.quiet = make(chan struct{})
		}
		return w.quiet
	case n.opened.Load() > 0:
		if n.settled == nil {
			n.settled = make(chan struct{})
		}
		return n.settled
	default:
		return nil
	}
}

// lastWait is how long cancelled handlers have to return.
const lastWait = 250 * time.Millisecond

// waitFor waits for done, at most until ctx ends.
func waitFor(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave ends the subscriptions that bring new calls. What the broker had sent
// by then is still admitted. A Serve that is under way ends by itself and takes
// back its own.
func (n *Node) leave(ctx context.Context) error {
	var errs []error
	select {
	case n.serving <- struct{}{}:
		defer func() { <-n.serving }()
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("a Serve is still under way: %w", context.Cause(ctx)))
	}
	n.worker.mu.Lock()
	subs := make([]transport.Subscription, 0, len(n.worker.services))
	for _, s := range n.worker.services {
		subs = append(subs, s.sub)
	}
	n.worker.mu.Unlock()
	errs = append(errs, drainAll(ctx, subs))
	n.mu.Lock()
	announce := n.announce
	n.announce = nil
	n.mu.Unlock()
	for _, s := range announce {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// drainAll ends subscriptions, all at once: one after the other they would take
// a round trip each.
func drainAll(ctx context.Context, subs []transport.Subscription) error {
	errs := make([]error, len(subs))
	var group sync.WaitGroup
	for i, s := range subs {
		group.Go(func() { errs[i] = s.Drain(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// shut ends everything at once and waits for it.
func (n *Node) shut(message string) error {
	giveUp := time.AfterFunc(lastWait, func() { n.giveUp(ErrClosed) })
	defer n.giveUp(ErrClosed)
	defer giveUp.Stop()
	n.worker.close()
	n.worker.stopTimers()
	n.calls.close(message)
	var err error
	if n.connected() {
		if k := n.keeper.Load(); k != nil {
			k.close()
		}
		flush, cancel := context.WithTimeout(context.Background(), lastWait)
		defer cancel()
		err = n.conn.Flush(flush)
	}
	close(n.stop)
	err = errors.Join(err, n.conn.Close())
	ended := make(chan struct{})
	go func() { // ends when the goroutines do; a handler that ignores its context keeps both
		n.goroutines.Wait()
		close(ended)
	}()
	wait, stop := context.WithTimeout(context.Background(), lastWait)
	defer stop()
	if !waitFor(wait, ended) {
		n.worker.mu.Lock()
		stuck := n.worker.listLocked()
		n.worker.mu.Unlock()
		err = errors.Join(err, fmt.Errorf("close node %s: %w: %s", n.id, ErrStuck, cutShortOf(stuck)))
	}
	return err
}

// connected says whether a flush can do any good.
func (n *Node) connected() bool {
	select {
	case <-n.lost:
		return false
	default:
	}
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	return !n.calls.cut
}

// open counts a call of this node, or refuses it: a node that drains makes no
// calls but those of its own handlers. It waits for no others, and those of a
// linked node could go on for ever. A call that middleware makes for one that
// was admitted passes too.
func (n *Node) open(c *call, admitted bool) error {
	// Counted before the phase is looked at: who changes that looks at the count
	// afterwards.
	n.opened.Add(1)
	phase := n.phaseNow()
	switch {
	case phase == phaseRunning:
		return nil
	case phase == phaseDraining && (admitted || c.parent != nil && c.parent.w.n == n):
		return nil
	}
	n.closeCall()
	if phase == phaseClosed {
		return c.failure(codeClosed, wire.ExecutedNo, "start another node")
	}
	return c.failure(wire.CodeDraining, wire.ExecutedNo, "node "+n.id+" is stopping and makes no new calls")
}

// closeCall counts a call that has ended.
func (n *Node) closeCall() {
	if n.opened.Add(-1) > 0 || n.phaseNow() == phaseRunning {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.settled != nil && n.opened.Load() == 0 {
		close(n.settled)
		n.settled = nil
	}
}

// cancelAll ends every call that this node awaits, and adds those that ended
// by that.
func (t *calls) cancelAll(cause error, ended cutShort) {
	t.mu.Lock()
	var left []*call
	for c := range t.allLocked {
		if !c.overLocked() {
			left = append(left, c)
		}
	}
	t.mu.Unlock()
	for _, c := range left {
		c.cancel(cause, "the awaiting node was stopped")
		c.park(context.Background())                                     // at once, also where its result came first
		if e, ok := c.err.(*Error); ok && e.Code == wire.CodeCancelled { //nolint:errorlint // our own, as it stands
			ended[c.id()] = c.target.name
		}
	}
}

// cutShort names the tasks of calls by the calls' IDs: a call that this node
// both awaits and executes counts once.
type cutShort map[string]string

func cutShortOf(list []*execution) cutShort {
	left := make(cutShort, len(list))
	for _, ex := range list {
		left[ex.id()] = ex.service.name
	}
	return left
}

// String counts the calls by task, for an error.
func (left cutShort) String() string {
	count := make(map[string]int)
	for _, name := range left {
		count[name]++
	}
	names := make([]string, 0, len(count))
	for name, k := range count {
		names = append(names, fmt.Sprintf("%d × %q", k, name))
	}
	slices.Sort(names)
	const most = 10
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d tasks more", len(names)-most))
	}
	return strings.Join(names, ", ")
}
