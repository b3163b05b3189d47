package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
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
	n.log.Info("draining")
	left := n.finishAll(ctx)
	n.phaseTo(phaseClosed)
	err := n.shut("the node was closed")
	if len(left) > 0 {
		err = errors.Join(fmt.Errorf("drain node %s: %w: these calls were cut short: %s", n.id, context.Cause(ctx), summary(left)), err)
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
	if n.phase >= p {
		return false
	}
	n.phase = p
	return true
}

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
func (n *Node) finishAll(ctx context.Context) (left []*execution) {
	n.worker.beginDrain()
	leaveErr := n.leave(ctx)
	if leaveErr != nil {
		n.log.Warn("could not leave all queue groups in time", "err", leaveErr)
	}
	quiet := n.worker.drain()
	settled := n.settledCalls()
	if waitFor(ctx, quiet) && waitFor(ctx, settled) {
		return nil
	}
	cause := context.Cause(ctx)
	giveUp := time.AfterFunc(lastWait, func() { n.giveUp(cause) })
	defer giveUp.Stop()
	left = n.worker.cancelAll(cause)
	n.calls.cancelAll(cause)
	after, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	waitFor(after, quiet)
	waitFor(after, settled)
	return left
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
// by then is still admitted.
func (n *Node) leave(ctx context.Context) error {
	n.serving.Lock()
	defer n.serving.Unlock()
	n.worker.mu.Lock()
	services := make([]*service, 0, len(n.worker.services))
	for _, s := range n.worker.services {
		services = append(services, s)
	}
	n.worker.mu.Unlock()
	var errs []error
	for _, s := range services {
		if s.sub != nil {
			errs = append(errs, s.sub.Drain(ctx))
		}
	}
	for _, s := range n.announce {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// shut ends everything at once and waits for it.
func (n *Node) shut(message string) error {
	giveUp := time.AfterFunc(lastWait, func() { n.giveUp(ErrClosed) })
	defer n.giveUp(ErrClosed)
	defer giveUp.Stop()
	n.worker.close()
	n.calls.close(message)
	flush, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	var err error
	if n.connected() {
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
		err = errors.Join(err, fmt.Errorf("close node %s: %w: %s", n.id, ErrStuck, summary(stuck)))
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
// calls but those of its handlers.
func (n *Node) open(c *call) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.phase == phaseClosed:
		return c.failure(codeClosed, wire.ExecutedNo, "start another node")
	case n.phase == phaseDraining && c.parent == nil:
		return c.failure(wire.CodeDraining, wire.ExecutedNo, "node "+n.id+" is stopping and makes no new calls")
	}
	n.opened++
	return nil
}

// closeCall counts a call that has ended.
func (n *Node) closeCall(*call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.opened--; n.opened == 0 && n.settled != nil {
		close(n.settled)
		n.settled = nil
	}
}

// settledCalls returns a channel that is closed when no call of this node is
// under way.
func (n *Node) settledCalls() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	settled := make(chan struct{})
	if n.opened == 0 {
		close(settled)
	} else {
		n.settled = settled
	}
	return settled
}

// cancelAll ends every call that this node awaits.
func (t *calls) cancelAll(cause error) {
	t.mu.Lock()
	var left []*call
	for _, c := range t.pending {
		if !c.overLocked() {
			left = append(left, c)
		}
	}
	t.mu.Unlock()
	for _, c := range left {
		c.cancel(cause, "the awaiting node was stopped")
	}
}

// summary names calls by task, for an error.
func summary(left []*execution) string {
	count := make(map[string]int)
	for _, ex := range left {
		count[ex.service.name]++
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
