package actor

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// storeFault is what goes wrong with a write.
type storeFault uint8

const (
	storeFine    storeFault = iota
	storeLost               // the answer gets lost, the write does not
	storeDropped            // the write gets lost; nobody knows
	storeDown               // nothing is sent
)

// failing makes writes fail where f says so; nil mends the store.
func (c *faultConn) failing(f func(key string) storeFault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.storeFault = f
}

// OpenStore implements transport.Storer.
func (c *faultConn) OpenStore(ctx context.Context, cfg transport.StoreConfig) (transport.Store, error) {
	inner, err := c.inner.(transport.Storer).OpenStore(ctx, cfg)
	return &faultStore{c, inner}, err
}

// faultStore is a store that fails as its connection does.
type faultStore struct {
	c     *faultConn
	inner transport.Store
}

// fault says what goes wrong with an operation; err is set when it does at
// once.
func (s *faultStore) fault(ctx context.Context, key string, write bool) (storeFault, error) {
	alive, err := s.c.alive(ctx)
	if !alive {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	if err != nil {
		return storeDown, fmt.Errorf("%w: %w", transport.ErrStoreUnavailable, err)
	}
	s.c.mu.Lock()
	cut, fault := s.c.isCut, s.c.storeFault
	s.c.mu.Unlock()
	kind := storeFine
	if fault != nil && write {
		kind = fault(key)
	}
	if cut || kind == storeDown {
		return kind, transport.ErrStoreUnavailable
	}
	return kind, nil
}

func (s *faultStore) Get(ctx context.Context, key string) (transport.Entry, error) {
	if _, err := s.fault(ctx, key, false); err != nil {
		return transport.Entry{}, err
	}
	return s.inner.Get(ctx, key)
}

func (s *faultStore) Put(ctx context.Context, key string, value []byte, last transport.Revision, ttl time.Duration) (transport.Revision, error) {
	fault, err := s.fault(ctx, key, true)
	if err != nil || fault == storeDropped {
		return 0, lostWrite(err, fault)
	}
	revision, err := s.inner.Put(ctx, key, value, last, ttl)
	if fault == storeLost {
		return 0, transport.ErrUnknownOutcome
	}
	return revision, err
}

func (s *faultStore) Delete(ctx context.Context, key string, last transport.Revision) error {
	fault, err := s.fault(ctx, key, true)
	if err != nil || fault == storeDropped {
		return lostWrite(err, fault)
	}
	err = s.inner.Delete(ctx, key, last)
	if fault == storeLost {
		return transport.ErrUnknownOutcome
	}
	return err
}

// lostWrite is the error of a write that did not take place.
func lostWrite(err error, fault storeFault) error {
	if fault == storeDropped {
		return transport.ErrUnknownOutcome
	}
	return err
}

func (s *faultStore) List(ctx context.Context, prefix string) iter.Seq2[transport.Entry, error] {
	return s.inner.List(ctx, prefix)
}

func (s *faultStore) Watch(prefix string, handler func(transport.Change)) (transport.Watcher, error) {
	return s.inner.Watch(prefix, handler)
}

func (s *faultStore) Close() error { return s.inner.Close() }

// Schedule implements transport.Scheduler.
func (s *faultStore) Schedule(ctx context.Context, key string, value []byte, at time.Time) error {
	fault, err := s.fault(ctx, key, true)
	if err != nil || fault == storeDropped {
		return lostWrite(err, fault)
	}
	err = s.inner.(transport.Scheduler).Schedule(ctx, key, value, at)
	if fault == storeLost {
		return transport.ErrUnknownOutcome
	}
	return err
}

// Unschedule implements transport.Scheduler.
func (s *faultStore) Unschedule(ctx context.Context, key string) error {
	fault, err := s.fault(ctx, key, true)
	if err != nil || fault == storeDropped {
		return lostWrite(err, fault)
	}
	return s.inner.(transport.Scheduler).Unschedule(ctx, key)
}
