package nats

import (
	"io"
	"net"
	"testing"
)

// The client leaves a connection behind whose greeting has failed: the next one
// ends it, and the end of the link the last.
func TestLinkLeavesNoConnection(t *testing.T) {
	t.Parallel()
	l := newLink()
	var ends []net.Conn
	for range 3 {
		ours, theirs := net.Pipe()
		if _, err := l.track(ours, false, nil); err != nil {
			t.Fatalf("track() = %v, want nil", err)
		}
		ends = append(ends, theirs)
	}
	for i, end := range ends[:2] {
		if _, err := end.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // as a pipe says it
			t.Errorf("connection %d: Read() = %v, want EOF: another has taken its place", i, err)
		}
	}
	l.stop(true)
	if _, err := ends[2].Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // as a pipe says it
		t.Errorf("the last connection: Read() = %v, want EOF", err)
	}
}
