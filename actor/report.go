package actor

import (
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// report is what a handler has said of its progress.
type report struct {
	latest Progress
	sent   instant // when a frame was last sent
	stale  bool    // latest is what no frame has said yet
}

// progressPause is the least time between two progress frames of a call.
const progressPause = 50 * time.Millisecond

// report takes what the handler says of its progress.
func (ex *execution) report(p Progress) {
	w := ex.w
	now := w.n.clock.now()
	w.mu.Lock()
	if ex.reported == nil {
		ex.reported = new(report)
	}
	r := ex.reported
	r.latest = p
	feed := ex.awaiter
	if !ex.pushes || ex.state == ended {
		w.mu.Unlock()
		return
	}
	if feed == nil && now.sub(r.sent) < progressPause {
		if !r.stale {
			r.stale = true
			w.armLocked(ex, r.sent.add(progressPause), now)
		}
		w.mu.Unlock()
		return
	}
	r.stale, r.sent = false, now
	w.mu.Unlock()
	if feed != nil {
		feed.progress.put(p)
		return
	}
	ex.sendProgress(p)
}

// staleLocked returns the report that no frame has said yet, and takes it for
// said at that moment; nil when there is none.
func (ex *execution) staleLocked(now instant) *Progress {
	r := ex.reported
	if r == nil || !r.stale {
		return nil
	}
	r.stale, r.sent = false, now
	p := r.latest
	return &p
}

// flushProgress sends the last report, if it was held back: the answer is next.
func (ex *execution) flushProgress() {
	w := ex.w
	now := w.n.clock.now()
	w.mu.Lock()
	stale := ex.staleLocked(now)
	w.mu.Unlock()
	if stale != nil {
		ex.sendProgress(*stale)
	}
}

func (ex *execution) sendProgress(p Progress) {
	body := wire.AppendProgress(nil, wire.Progress(p))
	subject, call := ex.frame(wire.SuffixProgress)
	if err := ex.w.n.publish(subject, call, nil, body); err != nil {
		ex.w.n.log.Debug("progress not sent", "task", ex.service.name, "call", ex.id(), "err", err)
	}
}
