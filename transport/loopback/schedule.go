package loopback

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// scheduler is a store that was opened for schedules.
type scheduler struct{ *store }

var _ transport.Scheduler = scheduler{}

// Schedule implements transport.Scheduler, with the clock of the process.
func (s scheduler) Schedule(ctx context.Context, key string, value []byte, at time.Time) error {
	err := s.check(ctx, key)
	if limit := s.conn.broker.features.MaxPayload; err == nil && limit > 0 && len(value)+transport.ScheduleOverhead > limit {
		err = fmt.Errorf("%w: a value of %d bytes, at most %d", transport.ErrTooLarge, len(value), limit-transport.ScheduleOverhead)
	}
	if err != nil {
		return s.explain("schedule", key, err)
	}
	s.records.schedule(key, bytes.Clone(value), at)
	return nil
}

// Unschedule implements transport.Scheduler.
func (s scheduler) Unschedule(ctx context.Context, key string) error {
	if err := s.check(ctx, key); err != nil {
		return s.explain("unschedule", key, err)
	}
	s.records.unschedule(key)
	return nil
}

// schedule takes value over.
func (r *records) schedule(key string, value []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.schedules[key]; old != nil {
		old.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(at), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.schedules[key] != timer {
			return // called off, or replaced, in the last moment
		}
		delete(r.schedules, key)
		r.store(key, value, 0)
	})
	r.schedules[key] = timer
}

func (r *records) unschedule(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.schedules[key]; old != nil {
		old.Stop()
		delete(r.schedules, key)
	}
}
