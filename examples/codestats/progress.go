package main

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/atask"
)

// progress is how far the root call is, as its awaiter hears it.
type progress struct {
	files  int // in all
	log    *slog.Logger
	begun  time.Time
	done   atomic.Int64  // files that are counted
	half   chan struct{} // closed when half of them are
	killed atomic.Int64  // the number of the worker that was; 0 for none
	tenths int           // that have been logged; of report only
}

func newProgress(files int, log *slog.Logger) *progress {
	return &progress{files: files, log: log, begun: time.Now(), half: make(chan struct{})}
}

// report takes what the root call says, one report at a time. It may go back:
// a worker that is lost takes with it what it had counted and not handed on.
func (p *progress) report(r atask.ProgressReport) {
	p.done.Store(r.Done)
	for done := 10 * int(r.Done); p.tenths < 10 && (p.tenths+1)*p.files <= done; {
		if p.tenths++; p.tenths == 5 {
			close(p.half)
		}
		p.log.Info("counted", "files", r.Done, "of", p.files)
	}
}

// line says how far it is, for a person who waits.
func (p *progress) line() string {
	done := int(p.done.Load())
	line := fmt.Sprintf("  %s of %s files  %s  %.1f s", group(done), group(p.files), share(done, p.files), time.Since(p.begun).Seconds())
	if n := p.killed.Load(); n != 0 {
		line += fmt.Sprintf("  worker %d killed", n)
	}
	return line
}
