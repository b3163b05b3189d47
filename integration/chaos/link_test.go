package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// link is a proxy between clients and a server: the wire that a fault can cut,
// slow down or silence.
type link struct {
	server   *url.URL
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed when one of them changes
	pairs   map[*pair]struct{}
	silent  bool // bytes are kept, in both directions, and nobody is told
	refuses bool // new connections are closed at once
	delay   time.Duration
	closed  bool

	// What the faults did, to verify them.
	held    atomic.Int64 // bytes kept while silent
	delayed atomic.Int64 // bytes that were late
	severed atomic.Int64 // connections cut
	refused atomic.Int64 // connections refused
}

// pair is one connection through the link: both halves of it.
type pair struct{ client, server net.Conn }

func (p *pair) close() { p.client.Close(); p.server.Close() }

// newLink makes a link to the server of a URL.
func newLink(server string) (*link, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{
		server:   u,
		listener: listener,
		changed:  make(chan struct{}),
		pairs:    make(map[*pair]struct{}),
	}
	l.all.Go(l.accept)
	return l, nil
}

// url is where clients connect to go through the link.
func (l *link) url() string {
	u := *l.server
	u.Host = l.listener.Addr().String()
	return u.String()
}

func (l *link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.all.Go(func() { l.connect(client) })
	}
}

func (l *link) connect(client net.Conn) {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server, err := dialer.DialContext(ctx, "tcp", l.server.Host)
	l.mu.Lock()
	if l.refuses || l.closed || err != nil {
		l.mu.Unlock()
		l.refused.Add(1)
		client.Close()
		if err == nil {
			server.Close()
		}
		return
	}
	p := &pair{client, server}
	l.pairs[p] = struct{}{}
	l.mu.Unlock()
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(p, p.client, p.server) })
	pumps.Go(func() { l.pump(p, p.server, p.client) })
	pumps.Wait()
	l.mu.Lock()
	delete(l.pairs, p)
	l.mu.Unlock()
}

// chunk is what was read at once, and when it may go on.
type chunk struct {
	data []byte
	due  time.Time
}

// pump carries bytes one way until either end closes.
func (l *link) pump(p *pair, from, to net.Conn) {
	defer p.close()
	chunks := make(chan chunk, 256) // in flight on a slow wire; the reader waits beyond that
	var writer sync.WaitGroup
	writer.Go(func() {
		defer p.close()
		for c := range chunks {
			if !l.pass(c) {
				continue // cut meanwhile: what was on the wire is gone
			}
			if _, err := to.Write(c.data); err != nil {
				continue
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			break
		}
		l.mu.Lock()
		delay, silent := l.delay, l.silent
		l.mu.Unlock()
		if delay > 0 {
			l.delayed.Add(int64(n))
		}
		if silent {
			l.held.Add(int64(n))
		}
		chunks <- chunk{append([]byte(nil), buf[:n]...), time.Now().Add(delay)}
	}
	close(chunks)
	writer.Wait()
}

// pass waits until a chunk may go on; false when it must not.
func (l *link) pass(c chunk) bool {
	for {
		l.mu.Lock()
		silent, closed, changed := l.silent, l.closed, l.changed
		l.mu.Unlock()
		wait := time.Until(c.due)
		switch {
		case closed:
			return false
		case !silent && wait <= 0:
			return true
		case silent:
			<-changed
		default:
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-changed:
			}
			timer.Stop()
		}
	}
}

func (l *link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

// slow delays every byte from now on; 0 ends that.
func (l *link) slow(d time.Duration) { l.set(func() { l.delay = d }) }

// silence makes the link a black hole, until it is told otherwise: nothing
// passes, and nobody is told. What was kept meanwhile passes then, as after a
// partition that TCP outlives.
func (l *link) silence(on bool) { l.set(func() { l.silent = on }) }

// cut closes all connections, as the crash of a router does, and says how many.
// While the link is refusing, none is made anew.
func (l *link) cut(refuse bool) int {
	var pairs []*pair
	l.set(func() {
		l.refuses = refuse
		for p := range l.pairs {
			pairs = append(pairs, p)
		}
	})
	for _, p := range pairs {
		for _, half := range []net.Conn{p.client, p.server} {
			if tcp, ok := half.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, without what was still on its way
			}
		}
		p.close()
	}
	l.severed.Add(int64(len(pairs)))
	return len(pairs)
}

// connections is how many there are.
func (l *link) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pairs)
}

// mend lets connections be made again.
func (l *link) mend() { l.set(func() { l.refuses = false }) }

// close ends the link and waits for its goroutines.
func (l *link) close() error {
	l.set(func() { l.closed, l.silent = true, false })
	err := l.listener.Close()
	l.cut(true)
	l.all.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the link to %s: %w", l.server.Host, err)
	}
	return nil
}
