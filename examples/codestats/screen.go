package main

import (
	"bytes"
	"io"
	"os"
	"time"
)

// screen is what a person looks at while the program runs: the standard error,
// with the lines that the workers log and, on a terminal, one line below them
// that shows how far things are. All methods may be called from any goroutine
// until close.
type screen struct {
	w      io.Writer
	lines  chan []byte
	status chan status
	end    chan struct{} // closed to end run
	ended  chan struct{} // closed when it has
}

// status asks for another line.
type status struct {
	line  func() string
	drawn chan struct{} // closed when it is there
}

// refresh is how often the line is drawn again.
const refresh = 100 * time.Millisecond

// newScreen begins to write to w. The caller closes it when nobody writes to
// it any more.
func newScreen(w io.Writer, terminal bool) *screen {
	s := &screen{
		w:      w,
		lines:  make(chan []byte),
		status: make(chan status),
		end:    make(chan struct{}),
		ended:  make(chan struct{}),
	}
	go s.run(terminal)
	return s
}

// isTerminal says whether a person may be looking at the file.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Write writes whole lines, as a logger does.
func (s *screen) Write(p []byte) (int, error) {
	select {
	case s.lines <- bytes.Clone(p):
		return len(p), nil
	case <-s.ended:
		return 0, os.ErrClosed
	}
}

// show makes the line what f returns, now and ten times a second until show is
// called with something else; nil takes the line away. It returns when that is
// done. f must not block.
func (s *screen) show(f func() string) {
	next := status{line: f, drawn: make(chan struct{})}
	select {
	case s.status <- next:
		<-next.drawn
	case <-s.ended:
	}
}

// close takes the line away and returns when nothing is written any more.
func (s *screen) close() {
	close(s.end)
	<-s.ended
}

// run is the only one to write, so that lines do not tear each other.
func (s *screen) run(terminal bool) {
	defer close(s.ended)
	var again <-chan time.Time
	if terminal {
		ticker := time.NewTicker(refresh)
		defer ticker.Stop()
		again = ticker.C
	}
	var line func() string
	drawn, closing := false, false
	for !closing {
		var text []byte
		var changed chan struct{}
		select {
		case text = <-s.lines:
		case next := <-s.status:
			line, changed = next.line, next.drawn
		case <-again:
		case <-s.end:
			line, closing = nil, true
		}
		if drawn {
			text = append([]byte("\r\x1b[K"), text...)
		}
		if drawn = terminal && line != nil; drawn {
			text = append(text, line()...)
		}
		if len(text) > 0 {
			_, _ = s.w.Write(text) // who cannot be shown anything misses nothing else
		}
		if changed != nil {
			close(changed)
		}
	}
}
