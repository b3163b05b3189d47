package actor

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"unicode/utf8"

	"github.com/atasks-io/atasks/internal/wire"
)

// Progress is what a handler says of how far it is.
type Progress struct {
	Done  int64  `json:"done"`           // in units of the task's choice
	Total int64  `json:"total"`          // in the same; 0 when unknown
	Note  string `json:"note,omitempty"` // at most 1 KiB
}

// ReportProgress says how far the handler that runs under ctx is. It returns
// at once and may be called as often as one likes: what comes in quick
// succession is thinned out, the last report is always kept. Outside a handler
// it does nothing.
func ReportProgress(ctx context.Context, done, total int64, note string) {
	if ex, ok := ctx.Value(executionKey{}).(*execution); ok {
		ex.report(fitting(Progress{Done: done, Total: total, Note: note}))
	}
}

// fitting returns a report as it would arrive.
func fitting(p Progress) Progress {
	if len(p.Note) < maxNote && utf8.ValidString(p.Note) {
		return p
	}
	q, _ := wire.ParseProgress(wire.AppendProgress(nil, wire.Progress(p)))
	return Progress(q)
}

// maxNote is below which no note is cut.
const maxNote = 1 << 10

// progressFeed hands reports to the awaiter's function, one at a time.
type progressFeed struct {
	fn    func(Progress)
	spawn func(func()) bool
	log   *slog.Logger

	mu      sync.Mutex // guards what follows
	latest  Progress
	fresh   bool // latest has not been handed out
	running bool
	closed  bool
}

// put takes a report; it returns at once.
func (f *progressFeed) put(p Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.latest, f.fresh = p, true
	if !f.running {
		f.running = f.spawn(f.run)
	}
}

// run hands out what there is. A function that panics, which is not ours,
// misses that report and gets the next.
func (f *progressFeed) run() {
	defer func() {
		if r := recover(); r != nil {
			f.log.Error("OnProgress function panicked", "panic", r, "stack", string(debug.Stack()))
		}
		if !f.idle() {
			f.spawn(f.run)
		}
	}()
	for {
		f.mu.Lock()
		if !f.fresh {
			f.mu.Unlock()
			return
		}
		p := f.latest
		f.fresh = false
		f.mu.Unlock()
		f.fn(p)
	}
}

// idle notes that nobody hands out reports any more, unless there is one.
func (f *progressFeed) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = f.fresh
	return !f.fresh
}

// close refuses further reports; the last one taken is still handed out.
func (f *progressFeed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
}

// putFrame takes the body of a progress frame.
func (f *progressFeed) putFrame(body []byte) {
	if p, ok := wire.ParseProgress(body); ok {
		f.put(Progress(p))
	}
}
