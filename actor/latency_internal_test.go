package actor

import (
	"testing"
	"time"
)

// TestLatencyBuckets: every time lies below the bound of its bucket, within a
// fifth, and at or above that of the one before.
func TestLatencyBuckets(t *testing.T) {
	t.Parallel()
	for d := time.Duration(0); d < 30*24*time.Hour; d = d*9/8 + 300*time.Nanosecond {
		b := latencyBucket(d)
		if bound := LatencyBound(b); d >= bound || d > 4*time.Microsecond && float64(bound) > 1.26*float64(d) {
			t.Errorf("latencyBucket(%v) = %d, which ends at %v", d, b, bound)
		}
		if b > 0 && d < LatencyBound(b-1) {
			t.Errorf("latencyBucket(%v) = %d, want an earlier one", d, b)
		}
	}
}

// TestRecent: the figures are those of the last one or two windows.
func TestRecent(t *testing.T) {
	t.Parallel()
	var r recent
	if r.read(1) != nil {
		t.Error("read() of nothing is something")
	}
	at := instant(time.Hour)
	for i := range 100 {
		took := time.Millisecond
		if i >= 98 {
			took = time.Second
		}
		r.add(took, i == 0, at.add(time.Duration(i)*50*time.Millisecond))
	}
	now := at.add(5 * time.Second)
	got := r.read(now)
	if got.Calls != 100 || got.Failures != 1 || got.MS != 5000 || got.Rate() != 20 {
		t.Errorf("read() = %+v, rate %v, want 100 calls in 5 s", got, got.Rate())
	}
	if p50, p99 := got.Quantile(0.5), got.Quantile(0.99); p50 > 1300*time.Microsecond || p99 < time.Second || p99 > 1300*time.Millisecond {
		t.Errorf("p50 = %v, p99 = %v, want 1 ms and 1 s, within a fifth", p50, p99)
	}
	got.Add(*got)
	if got.Calls != 200 || got.MS != 5000 {
		t.Errorf("Add() = %+v, want twice the calls in the same time", got)
	}
	r.add(time.Millisecond, false, at.add(12*time.Second))
	if got := r.read(at.add(12 * time.Second)); got.Calls != 101 || got.MS != 12000 {
		t.Errorf("read() in the second window = %+v, want both", got)
	}
	if got := r.read(at.add(21 * time.Second)); got.Calls != 1 || got.MS != 11000 {
		t.Errorf("read() in the third window = %+v, want the second and third", got)
	}
	if got := r.read(at.add(time.Minute)); got != nil {
		t.Errorf("read() long after = %+v, want nothing", got)
	}
}
