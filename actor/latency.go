package actor

import (
	"math/bits"
	"time"
)

// RecentCalls is what a task did lately on a node, or on several: over the last
// 10 to 20 s, so that a figure tells of now.
type RecentCalls struct {
	MS       int64          `json:"ms"` // how long a time it covers
	Calls    uint64         `json:"calls"`
	Failures uint64         `json:"failures,omitempty"`
	Latency  map[int]uint64 `json:"latency,omitempty"` // calls by how long the handler took; see LatencyBound
}

// Add adds what another node did.
func (r *RecentCalls) Add(o RecentCalls) {
	r.MS = max(r.MS, o.MS)
	r.Calls += o.Calls
	r.Failures += o.Failures
	for b, n := range o.Latency {
		if r.Latency == nil {
			r.Latency = make(map[int]uint64)
		}
		r.Latency[b] += n
	}
}

// Rate is the calls a second.
func (r RecentCalls) Rate() float64 {
	if r.MS <= 0 {
		return 0
	}
	return float64(r.Calls) / (float64(r.MS) / 1000)
}

// Quantile returns the time that a share q of the calls, 0 to 1, took at most,
// within a fifth; 0 without calls.
func (r RecentCalls) Quantile(q float64) time.Duration {
	var total uint64
	for _, n := range r.Latency {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := min(max(uint64(q*float64(total)+0.9999), 1), total)
	for b := range latencyBuckets {
		n := r.Latency[b]
		if n >= rank {
			return LatencyBound(b)
		}
		rank -= n
	}
	return LatencyBound(latencyBuckets - 1)
}

// latencyBuckets are four to each doubling of a microsecond, up to 50 days.
const latencyBuckets = 164

// LatencyBound is the upper bound of a bucket of RecentCalls.Latency. The
// buckets 0 to 3 end at 1 to 4 us; from there on each doubling has four.
func LatencyBound(bucket int) time.Duration {
	bucket = min(max(bucket, 0), latencyBuckets-1)
	if bucket < 4 {
		return time.Duration(bucket+1) * time.Microsecond
	}
	exp, sub := (bucket-4)/4, (bucket-4)%4
	return time.Duration(uint64(sub+5)<<exp) * time.Microsecond
}

// latencyBucket is the bucket that a time falls into.
func latencyBucket(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 4 {
		return int(us)
	}
	exp := bits.Len64(us) - 3 // us>>exp is 4 to 7
	return min(4+exp*4+int(us>>exp)-4, latencyBuckets-1)
}

// recentWindow is how long one of two windows lasts.
const recentWindow = 10 * time.Second

// recent counts calls in two windows, the one under way and the one before.
// The zero value is ready; it takes memory with the first call.
type recent struct {
	first   instant // when anything was counted since there was nothing
	began   instant // the window under way
	now     *recentCounts
	earlier *recentCounts
}

type recentCounts struct {
	calls, failures uint32
	latency         [latencyBuckets]uint32
}

// add counts a call that ended now.
func (r *recent) add(took time.Duration, failed bool, now instant) {
	if r.now == nil {
		r.now, r.earlier = new(recentCounts), new(recentCounts)
		r.first, r.began = now, now
	}
	r.turn(now)
	r.now.calls++
	if failed {
		r.now.failures++
	}
	r.now.latency[latencyBucket(took)]++
}

// turn begins another window when the one under way is over.
func (r *recent) turn(now instant) {
	age := now.sub(r.began)
	if age < recentWindow {
		return
	}
	if age < 2*recentWindow {
		r.now, r.earlier = r.earlier, r.now
		*r.now = recentCounts{}
		r.began = r.began.add(recentWindow)
		return
	}
	*r.now, *r.earlier = recentCounts{}, recentCounts{}
	r.first, r.began = now, now
}

// read returns what was counted; nil when that is nothing.
func (r *recent) read(now instant) *RecentCalls {
	if r.now == nil {
		return nil
	}
	r.turn(now)
	from := max(r.first, r.began-instant(recentWindow))
	all := &RecentCalls{MS: max(now.sub(from), time.Second).Milliseconds(), Latency: make(map[int]uint64)}
	for _, c := range []*recentCounts{r.now, r.earlier} {
		all.Calls += uint64(c.calls)
		all.Failures += uint64(c.failures)
		for b, n := range c.latency {
			if n > 0 {
				all.Latency[b] += uint64(n)
			}
		}
	}
	if all.Calls == 0 {
		return nil
	}
	return all
}
