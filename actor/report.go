package actor

import (
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// report is what a handler has said of its progress.
type report struct {
	latest  Progress
	sent    instant       // when a frame was last sent
	sending chan struct{} // closed when the frame that is on its way has gone; nil without one: the next must not overtake it
	stale   bool          // latest is what no frame has said yet
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
	switch {
	case !ex.pushes || ex.state == ended:
		w.mu.Unlock()
	case ex.awaiter != nil:
		ex.awaiter.progress.put(p) // under the lock: the newest must be the last
		w.mu.Unlock()
	case r.sending != nil || now.sub(r.sent) < progressPause:
		if !r.stale {
			r.stale = true
			w.armLocked(ex, r.sent.add(progressPause), now)
		}
		w.mu.Unlock()
	default:
		ex.sendReportLocked(now)
	}
}

// sendReportLocked sends the newest report, and unlocks.
func (ex *execution) sendReportLocked(now instant) {
	r := ex.reported
	gone := make(chan struct{})
	r.stale, r.sent, r.sending = false, now, gone
	p := r.latest
	ex.w.mu.Unlock()
	ex.sendProgress(p)
	ex.w.mu.Lock()
	r.sending = nil
	ex.w.mu.Unlock()
	close(gone)
}

// ringReportLocked sends a report that was held back, and unlocks.
func (ex *execution) ringReportLocked(now instant) {
	r := ex.reported
	switch {
	case r == nil || !r.stale:
		ex.w.mu.Unlock()
	case r.sending != nil:
		ex.w.armLocked(ex, now.add(progressPause), now)
		ex.w.mu.Unlock()
	default:
		ex.sendReportLocked(now)
	}
}

// flushProgress returns when the last report has gone: the answer is next.
func (ex *execution) flushProgress() {
	w := ex.w
	w.mu.Lock()
	for ex.reported != nil && ex.reported.sending != nil {
		gone := ex.reported.sending
		w.mu.Unlock()
		<-gone
		w.mu.Lock()
	}
	if ex.reported == nil || !ex.reported.stale {
		w.mu.Unlock()
		return
	}
	ex.sendReportLocked(w.n.clock.now())
}

func (ex *execution) sendProgress(p Progress) {
	body := wire.AppendProgress(nil, wire.Progress(p))
	subject, call := ex.frame(wire.SuffixProgress)
	if err := ex.w.n.publish(subject, call, nil, body); err != nil {
		ex.w.n.log.Debug("progress not sent", "task", ex.service.name, "call", ex.id(), "err", err)
	}
}
