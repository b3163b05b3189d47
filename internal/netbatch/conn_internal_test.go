package netbatch

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipeOf runs test in virtual time with a batch and the other side of it.
func pipeOf(t *testing.T, test func(t *testing.T, b *Conn, other net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		b := New(ours, false, 5*time.Second)
		test(t, b, theirs)
		_ = theirs.Close()
		_ = b.Close()
	})
}

func write(t *testing.T, b *Conn, p []byte) {
	t.Helper()
	if n, err := b.Write(p); n != len(p) || err != nil {
		t.Errorf("Write(%d bytes) = %d, %v, want all, nil", len(p), n, err)
	}
}

// Whatever the sizes and the pace of both sides, what arrives is what was
// written.
func TestBatchKeepsOrder(t *testing.T) {
	pipeOf(t, func(t *testing.T, b *Conn, other net.Conn) {
		random := rand.New(rand.NewPCG(1, 2))
		var want bytes.Buffer
		var got []byte
		var reading sync.WaitGroup
		reading.Go(func() { got, _ = io.ReadAll(other) })
		for range 400 {
			p := make([]byte, random.IntN([]int{16, 200, 2 * largeWrite}[random.IntN(3)]))
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			want.Write(p)
			write(t, b, p)
			clear(p) // the client's buffer is its own again
			if random.IntN(10) == 0 {
				synctest.Wait()
			}
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		reading.Wait()
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%d bytes arrived, want the %d that were written, in their order", len(got), want.Len())
		}
	})
}

// What many write while the other side is busy goes out in one piece.
func TestBatchGathers(t *testing.T) {
	pipeOf(t, func(t *testing.T, b *Conn, other net.Conn) {
		write(t, b, []byte("first"))
		synctest.Wait() // its write waits for a reader
		for range 100 {
			write(t, b, []byte("more"))
		}
		pieces := 0
		buf := make([]byte, 1<<10)
		for total := 0; total < len("first")+100*len("more"); pieces++ {
			n, err := other.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if pieces != 2 {
			t.Errorf("101 writes came in %d pieces, want 2", pieces)
		}
	})
}

// While the other side does not read, a bounded amount is gathered, and then
// writes wait until that side has read, or too long.
func TestBatchBoundsWhatItGathers(t *testing.T) {
	for _, reads := range []bool{true, false} {
		pipeOf(t, func(t *testing.T, b *Conn, other net.Conn) {
			piece := make([]byte, largeWrite/2)
			start := time.Now()
			time.AfterFunc(3*time.Second, func() {
				if reads {
					go func() { _, _ = io.Copy(io.Discard, other) }()
				}
			})
			var err error
			written := 0
			for err == nil && time.Since(start) == 0 {
				if _, err = b.Write(piece); err == nil && time.Since(start) == 0 {
					written += len(piece)
				}
			}
			if written < mostGathered || written > 2*mostGathered {
				t.Errorf("%d bytes were taken before a write waited, want at least %d and less than twice that", written, mostGathered)
			}
			waited := time.Since(start)
			if reads && (err != nil || waited != 3*time.Second) {
				t.Errorf("Write() after %v = %v, want nil when the other side reads, after 3s", waited, err)
			}
			if !reads && (!errors.Is(err, os.ErrDeadlineExceeded) || waited < 5*time.Second || waited > 6*time.Second) {
				t.Errorf("Write() after %v = %v, want %v after 5s to 6s", waited, err, os.ErrDeadlineExceeded)
			}
		})
	}
}

// A failure ends the reading, too, so that the client notices.
func TestBatchFails(t *testing.T) {
	pipeOf(t, func(t *testing.T, b *Conn, other net.Conn) {
		_ = other.Close()
		write(t, b, []byte("nobody reads this"))
		synctest.Wait()
		if n, err := b.Write([]byte("x")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Write() after a failure = %d, %v, want 0, %v", n, err, io.ErrClosedPipe)
		}
		if _, err := b.Read(make([]byte, 1)); err == nil {
			t.Error("Read() after a failure = nil, want an error")
		}
	})
}

// Close does not wait for a side that is gone, and waits no longer than a write
// may take for one that does not read.
func TestBatchCloses(t *testing.T) {
	t.Run("gone", func(t *testing.T) {
		pipeOf(t, func(t *testing.T, b *Conn, other net.Conn) {
			_ = other.Close()
			if _, err := b.Read(make([]byte, 1)); err == nil {
				t.Fatal("Read() = nil, want an error")
			}
			if n, err := b.Write([]byte("x")); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("Write() = %d, %v, want 0, EOF", n, err)
			}
			if err := b.Close(); err != nil {
				t.Errorf("Close() = %v, want nil", err)
			}
		})
	})
	t.Run("stuck", func(t *testing.T) {
		pipeOf(t, func(t *testing.T, b *Conn, _ net.Conn) {
			start := time.Now()
			write(t, b, []byte("x"))
			_ = b.Close()
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("Close() took %v, want at most 6s", took)
			}
		})
	})
}

// gathered returns what waits to be sent.
func gathered(b *Conn) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.gathered)
}

// Where writes are far apart each goes out by itself, and waits for no other
// goroutine.
func TestBatchIsNotInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		b := New(ours, true, time.Second)
		defer b.Close()
		defer theirs.Close()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		for range 3 {
			write(t, b, []byte("alone"))
			if got := gathered(b); got != "" {
				t.Errorf("%q was gathered, want nothing", got)
			}
			<-time.After(2 * farApart)
		}
		write(t, b, []byte("first"))
		write(t, b, []byte("second"))
		if got := gathered(b); got != "second" {
			t.Errorf("gathered %q, want %q", got, "second")
		}
	})
}

// A write that waits for room ends with the connection, also when what is on its
// way goes out.
func TestBatchEndsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &heldConn{ended: make(chan struct{}), room: make(chan struct{})}
		b := New(c, false, time.Hour)
		go func() { _, _ = b.Read(make([]byte, 1)) }()
		write(t, b, []byte("on its way"))
		synctest.Wait()
		piece := make([]byte, largeWrite/2)
		for range mostGathered / len(piece) {
			write(t, b, piece)
		}
		waits := make(chan error, 1)
		go func() {
			_, err := b.Write(piece)
			waits <- err
		}()
		synctest.Wait()
		close(c.ended)
		synctest.Wait()
		close(c.room)
		select {
		case err := <-waits:
			if !errors.Is(err, io.EOF) {
				t.Errorf("Write() = %v, want EOF", err)
			}
		case <-time.After(time.Hour):
			t.Error("Write() waits for a connection that has ended")
		}
		_ = b.Close()
	})
}

// heldConn is a connection whose other side takes nothing before room is
// closed, and is gone when ended is.
type heldConn struct {
	net.Conn
	ended, room chan struct{}
}

func (c *heldConn) Read([]byte) (int, error) {
	<-c.ended
	return 0, io.EOF
}

func (c *heldConn) Write(p []byte) (int, error) {
	<-c.room
	return len(p), nil
}

func (c *heldConn) SetWriteDeadline(time.Time) error { return nil }
func (c *heldConn) Close() error                     { return nil }

// A link that is slow is not one that is stuck.
func TestBatchIsPatientWithASlowLink(t *testing.T) {
	pipeOf(t, func(t *testing.T, b *Conn, other net.Conn) {
		var reading sync.WaitGroup
		reading.Go(func() { // 128 KiB a second
			buf := make([]byte, 8<<10)
			for {
				if _, err := io.ReadFull(other, buf); err != nil {
					return
				}
				<-time.After(time.Second / 16)
			}
		})
		for range 128 {
			write(t, b, make([]byte, largeWrite))
		}
		_ = b.Close()
		reading.Wait()
	})
}
