package main

import (
	"sync"

	"github.com/atasks-io/atasks/atask"
)

// tally adds up how far the calls that count one directory are, in files. All
// methods may be called from any goroutine.
type tally struct {
	report func(done, total int)

	mu      sync.Mutex // guards what follows
	calls   []reached  // by call
	sum     reached
	told    reached // what report was told last
	telling bool    // somebody tells it
}

// reached is how far a call is.
type reached struct {
	done, total int // files; total is what is known of so far
	finished    bool
}

// newTally begins with that many calls, and as many files found. It tells
// report whenever something has changed.
func newTally(calls, found int, report func(done, total int)) *tally {
	return &tally{report: report, calls: make([]reached, calls), sum: reached{total: found}}
}

// follow returns what takes the reports of a call.
func (t *tally) follow(call int) func(atask.ProgressReport) {
	return func(p atask.ProgressReport) {
		t.set(call, reached{done: int(p.Done), total: int(p.Total)})
	}
}

// finish takes the number of files that a call has counted. They are new when
// nobody knew of them before: those of a sub-directory.
func (t *tally) finish(call, files int, found bool) {
	r := reached{done: files, finished: true}
	if found {
		r.total = files
	}
	t.set(call, r)
}

// set takes the place of what was known of a call. A report that comes after
// the result is late.
func (t *tally) set(call int, r reached) {
	t.mu.Lock()
	old := t.calls[call]
	if old.finished {
		t.mu.Unlock()
		return
	}
	t.calls[call] = r
	t.sum.done += r.done - old.done
	t.sum.total += r.total - old.total
	t.tellLocked()
}

// tellLocked tells report what has changed, and unlocks. One goroutine does so
// at a time, also for others that come meanwhile: the last to be told must be
// the newest.
func (t *tally) tellLocked() {
	if t.telling {
		t.mu.Unlock()
		return
	}
	t.telling = true
	for t.told != t.sum {
		t.told = t.sum
		t.mu.Unlock()
		t.report(t.told.done, t.told.total)
		t.mu.Lock()
	}
	t.telling = false
	t.mu.Unlock()
}
