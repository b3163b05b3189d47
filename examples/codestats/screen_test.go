package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const erase = "\r\x1b[K"

func TestScreenOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := newScreen(&b, true)
		n := 0
		s.show(func() string { n++; return fmt.Sprint("line ", n) })
		writeLine(t, s)
		<-time.After(refresh + refresh/2)
		synctest.Wait()
		s.show(nil)
		if want := "line 1" + erase + "a log line\nline 2" + erase + "line 3" + erase; b.String() != want {
			t.Errorf("screen shows %q, want %q", b.String(), want)
		}
		b.Reset()
		s.show(func() string { return "on" })
		s.close()
		if want := "on" + erase; b.String() != want {
			t.Errorf("closed screen shows %q, want %q", b.String(), want)
		}
	})
}

func writeLine(t *testing.T, s *screen) {
	t.Helper()
	if _, err := io.WriteString(s, "a log line\n"); err != nil {
		t.Errorf("Write() = %v, want nil", err)
	}
}

func TestScreenElsewhere(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := newScreen(&b, false)
	s.show(func() string { return "line" })
	writeLine(t, s)
	s.show(nil)
	s.close()
	if b.String() != "a log line\n" {
		t.Errorf("screen that is no terminal shows %q, want the log line only", b.String())
	}
	if _, err := io.WriteString(s, "late"); err == nil {
		t.Error("Write after close = nil, want an error")
	}
	s.show(func() string { return "late" })
}

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if isTerminal(w) {
		t.Error("isTerminal(a pipe) = true, want false")
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	p := newProgress(2000, logs{io.Discard, true}.logger())
	for _, tt := range []struct {
		done int64
		half bool
	}{{0, false}, {999, false}, {1000, true}, {400, true}, {2000, true}} {
		p.report(progressOf(tt.done))
		half := false
		select {
		case <-p.half:
			half = true
		default:
		}
		if half != tt.half {
			t.Errorf("half way after %d of 2000 files = %v, want %v", tt.done, half, tt.half)
		}
	}
	p.killed.Store(3)
	if got := p.line(); !strings.HasPrefix(got, "  2,000 of 2,000 files  100.0%  ") || !strings.HasSuffix(got, " s  worker 3 killed") {
		t.Errorf("line() = %q, want 2,000 of 2,000 files and that worker 3 was killed", got)
	}
}
