package netbatch

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// Conn is a network connection that gathers what the client writes. The
// client's flusher wakes up for the first message that somebody publishes, and
// who publishes a call then waits for its answer. So under load nearly every
// message would be a system call of its own, the largest part of what a call
// costs. Here a goroutine writes what was gathered, and lets all others that
// can run do so first. Where writes are far apart there is nothing to gather,
// and that goroutine would only be in the way: what is written then goes out at
// once.
//
// A write does not wait for the other side, unless very much has been gathered.
// So a server in this process, to which a connection has no buffer at all, may
// answer the first write of a greeting without reading the second. A failure
// shows at a later write, and at once to the reader, since it closes the
// connection.
type Conn struct {
	net.Conn

	buffers bool          // a write does not wait until the other side has read
	timeout time.Duration // of what is written to the other side; 0 for none
	work    chan struct{} // holds one when there is something to do
	done    chan struct{} // closed when nothing more will be written

	mu       sync.Mutex // guards what follows
	idle     sync.Cond  // told when a write has ended
	gathered []byte
	latest   time.Time // when something was last to be written
	writing  bool      // of what was gathered before, or of something large
	deadline time.Time // of writes, as the connection knows it; whoever is writing only
	err      error     // why nothing more is taken
	broken   bool      // the other side is gone
	closing  bool
}

const (
	// Writes that are further apart than this are not gathered.
	farApart = 40 * time.Microsecond
	// Something this large is worth a system call of its own, and not worth
	// copying.
	largeWrite = 32 << 10
	// What has to go out within the time for a write.
	onePiece = 64 << 10
	// What is gathered at most while the other side does not read.
	mostGathered = 1 << 20
	// The largest buffer that is kept for the next time.
	keptBuffer = 256 << 10
)

// New gathers what is written to c. buffers says that c has a buffer, so
// that a write of a little to it does not wait for the other side.
func New(c net.Conn, buffers bool, timeout time.Duration) *Conn {
	b := &Conn{Conn: c, buffers: buffers, timeout: timeout, work: make(chan struct{}, 1), done: make(chan struct{})}
	b.idle.L = &b.mu
	go b.run()
	return b
}

// Write implements net.Conn.
func (b *Conn) Write(p []byte) (int, error) {
	now := time.Now()
	b.mu.Lock()
	direct := b.buffers && (len(p) >= largeWrite || now.Sub(b.latest) > farApart)
	b.latest = now
	for b.err == nil && len(b.gathered) > 0 && len(b.gathered)+len(p) > mostGathered {
		b.idle.Wait()
	}
	if err := b.err; err != nil {
		b.mu.Unlock()
		return 0, err
	}
	if direct && len(b.gathered) == 0 && !b.writing {
		return b.writeLocked(p)
	}
	b.gathered = append(b.gathered, p...)
	b.mu.Unlock()
	b.wake()
	return len(p), nil
}

// wake makes run look. It never blocks.
func (b *Conn) wake() {
	select {
	case b.work <- struct{}{}:
	default:
	}
}

// run writes what is gathered until the connection is closed or broken.
func (b *Conn) run() {
	defer close(b.done)
	var spare []byte
	for range b.work {
		runtime.Gosched() // whoever is about to publish does so first
		b.mu.Lock()
		for b.writing {
			b.idle.Wait()
		}
		full := b.gathered
		if b.broken || len(full) == 0 {
			over := b.broken || b.closing
			b.mu.Unlock()
			if over {
				return
			}
			continue
		}
		b.gathered = spare[:0]
		if _, err := b.writeLocked(full); err != nil {
			return
		}
		if spare = full; cap(spare) > keptBuffer {
			spare = nil
		}
	}
}

// writeLocked writes to the other side, and unlocks.
func (b *Conn) writeLocked(p []byte) (int, error) {
	b.writing = true
	b.mu.Unlock()
	n, err := b.write(p)
	b.mu.Lock()
	b.writing = false
	if err != nil {
		b.broken = true
		if b.err == nil {
			b.err = err
		}
	}
	b.idle.Broadcast()
	closing := b.closing
	b.mu.Unlock()
	switch {
	case err != nil:
		_ = b.Conn.Close() // so that the reader knows
	case closing:
		b.wake() // for what was gathered meanwhile
	}
	return n, err
}

func (b *Conn) write(p []byte) (int, error) {
	written := 0
	for {
		// The deadline is for a piece, or a link that is slow would be taken for
		// one that is stuck. It is moved once a second only: that is a system's
		// timer.
		if now := time.Now(); b.timeout > 0 && b.deadline.Sub(now) < b.timeout {
			b.deadline = now.Add(b.timeout + time.Second)
			if err := b.Conn.SetWriteDeadline(b.deadline); err != nil {
				return written, err
			}
		}
		n, err := b.Conn.Write(p[written:min(len(p), written+onePiece)])
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// Read implements net.Conn.
func (b *Conn) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		b.breakOff(err)
	}
	return n, err
}

// breakOff ends the writing: the other side is gone.
func (b *Conn) breakOff(err error) {
	b.mu.Lock()
	b.broken = true
	if b.err == nil {
		b.err = err
	}
	b.idle.Broadcast()
	b.mu.Unlock()
	b.wake()
}

// Abort closes the connection without writing what was gathered.
func (b *Conn) Abort() {
	b.breakOff(net.ErrClosed)
	_ = b.Conn.Close() // nothing is lost by it that was not lost before
	<-b.done
}

// SetDeadline implements net.Conn, for reads: writes have deadlines of their
// own.
func (b *Conn) SetDeadline(t time.Time) error { return b.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn and does nothing, for the same reason.
func (b *Conn) SetWriteDeadline(time.Time) error { return nil }

// Close implements net.Conn. What was gathered is written first, unless the
// other side is gone.
func (b *Conn) Close() error {
	b.mu.Lock()
	b.closing = true
	if b.err == nil {
		b.err = net.ErrClosed
	}
	broken := b.broken
	b.idle.Broadcast()
	b.mu.Unlock()
	b.wake()
	if !broken {
		<-b.done
	}
	err := b.Conn.Close()
	<-b.done
	return err
}
