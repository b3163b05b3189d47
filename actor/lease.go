package actor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// lease is this node's right to answer from the state of the entities that it
// has claimed: a record that expires unless it is renewed, and that a node
// which takes one of them over revokes first. A renewal that succeeds proves
// that nobody has done so before it began. So an answer that wrote nothing
// waits for one that begins after its method ran; all that wait share it.
//
// A lease that was lost is never taken up again: the node gets the next one,
// and claims anew each entity that it is asked for.
type lease struct {
	n     *Node
	store transport.Store
	key   string
	kick  chan struct{} // holds one when somebody waits for a renewal
	quit  chan struct{} // closed when the lease is to be given up
	ended chan struct{} // closed when nothing renews it any more
	held  atomic.Uint64 // the number of the lease; 0 while there is none

	// Of the one goroutine that renews and acquires.
	tried    uint64 // the highest number that may have been written
	revision transport.Revision

	mu   sync.Mutex    // guards what follows
	next *renewal      // that has not begun; nil while nobody waits for one
	got  chan struct{} // closed when there is a lease again; nil while there is one
}

// renewal is one that answers wait for.
type renewal struct {
	done chan struct{}
	err  error // set before done is closed
}

const (
	leaseTTL   = 15 * time.Second // an election on a cluster takes 4 to 9
	renewEvery = 5 * time.Second
)

// The waits between tries of what the store did not do.
const (
	firstStorePause   = 5 * time.Millisecond
	longestStorePause = 500 * time.Millisecond
)

// errLeaseLost says that another node may have taken over what this one had.
var errLeaseLost = errors.New("the lease of the node was lost: another node may have taken the entity over")

func newLease(n *Node, store transport.Store) *lease {
	return &lease{
		n: n, store: store, key: wire.LeaseKey(n.id),
		kick:  make(chan struct{}, 1),
		quit:  make(chan struct{}),
		ended: make(chan struct{}),
		got:   make(chan struct{}),
	}
}

// number returns the lease that the node has, waiting for one.
func (l *lease) number(ctx context.Context) (uint64, error) {
	for {
		if number := l.held.Load(); number != 0 {
			return number, nil
		}
		l.mu.Lock()
		got := l.got
		l.mu.Unlock()
		if got == nil {
			continue
		}
		select {
		case <-got:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-l.n.stop:
			return 0, ErrClosed
		}
	}
}

// proven returns nil when nobody has revoked the lease of that number before
// proven was called. It blocks for a round trip, or until ctx ends.
func (l *lease) proven(ctx context.Context, number uint64) error {
	if mutant.NoProof {
		return nil
	}
	l.mu.Lock()
	if l.held.Load() != number {
		l.mu.Unlock()
		return errLeaseLost
	}
	if l.next == nil {
		l.next = &renewal{done: make(chan struct{})}
	}
	r := l.next
	l.mu.Unlock()
	select {
	case l.kick <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.n.stop:
		return ErrClosed
	}
}

// run renews the lease until it is given up or the node stops.
func (l *lease) run() {
	defer close(l.ended)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.kick:
		case <-l.quit:
			return
		case <-l.n.stop:
			return
		}
		l.mu.Lock()
		r := l.next
		l.next = nil
		l.mu.Unlock()
		err := errLeaseLost
		if l.held.Load() != 0 {
			err = l.renew(l.n.sending)
		}
		if r != nil {
			r.err = err
			close(r.done)
		}
		if l.held.Load() == 0 {
			if err := l.acquire(l.n.sending); err != nil && l.n.sending.Err() == nil {
				l.n.log.Error("no lease: messages to entities wait", "err", err)
			}
		}
	}
}

// renew renews the lease, or says that it is lost. It tries until the store
// answers.
func (l *lease) renew(ctx context.Context) error {
	number := l.held.Load()
	last := l.revision
	value := wire.Lease{Number: number}.Encode()
	for pause := firstStorePause; ; pause = min(2*pause, longestStorePause) {
		revision, err := l.store.Put(ctx, l.key, value, last, leaseTTL)
		if errors.Is(err, transport.ErrConflict) {
			// Perhaps with a renewal of our own whose answer got lost.
			var e transport.Entry
			if e, err = l.store.Get(ctx, l.key); err == nil && e.Revision > last && isLease(e.Value, number) {
				revision = e.Revision
			} else if err == nil || errors.Is(err, transport.ErrNotFound) {
				l.lose()
				return errLeaseLost
			}
		}
		if err == nil {
			l.revision = revision
			return nil
		}
		if err := l.wait(ctx, pause); err != nil {
			return err
		}
	}
}

func isLease(value []byte, number uint64) bool {
	l, ok := wire.ParseLease(value)
	return ok && l.Number == number && !l.Revoked
}

// lose ends the lease for this node.
func (l *lease) lose() {
	l.n.log.Warn("lease lost: entities are claimed anew")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = make(chan struct{})
	l.held.Store(0)
	if r := l.next; r != nil {
		l.next = nil
		r.err = errLeaseLost
		close(r.done)
	}
}

// acquire gets the node its next lease. It tries until ctx ends.
func (l *lease) acquire(ctx context.Context) error {
	for pause := firstStorePause; ; pause = min(2*pause, longestStorePause) {
		var last transport.Revision
		e, err := l.store.Get(ctx, l.key)
		switch {
		case err == nil:
			last = e.Revision
			if old, ok := wire.ParseLease(e.Value); ok {
				l.tried = max(l.tried, old.Number)
			}
		case errors.Is(err, transport.ErrNotFound):
			err = nil
		}
		if err == nil {
			l.tried++
			l.revision, err = l.store.Put(ctx, l.key, wire.Lease{Number: l.tried}.Encode(), last, leaseTTL)
		}
		if err == nil {
			l.mu.Lock()
			l.held.Store(l.tried)
			close(l.got)
			l.got = nil
			l.mu.Unlock()
			return nil
		}
		if errors.Is(err, transport.ErrDenied) {
			return err
		}
		if waitErr := l.wait(ctx, pause); waitErr != nil {
			return fmt.Errorf("%w: %w", waitErr, err)
		}
	}
}

// wait waits before the store is tried again.
func (l *lease) wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.n.stop:
		return ErrClosed
	}
}

// giveUp ends the lease of a node that has let go of all its entities.
func (l *lease) giveUp(ctx context.Context) {
	close(l.quit)
	if !waitFor(ctx, l.ended) || l.held.Load() == 0 {
		return // it expires
	}
	if err := l.store.Delete(ctx, l.key, l.revision); err != nil {
		l.n.log.Debug("lease not given up, it expires", "err", err)
	}
}
