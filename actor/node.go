package actor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// Node is one process's presence in one namespace: it makes calls, and
// executes those of the tasks that it serves. Make one with [Start]. All
// methods may be called from any goroutine.
type Node struct {
	cfg    Config
	conn   transport.Conn
	id     string
	inbox  string // begins every return address
	log    *slog.Logger
	clock  clock
	codecs codecs
	errors errorTypes
	// contentType is what a call of this node says of its body; empty for the
	// default.
	contentType string

	calls    *calls
	worker   *worker
	members  *membership
	keeper   atomic.Pointer[keeper] // nil until the node hosts a kind whose state outlives it
	outbox   *outbox
	backlog  *backlog
	links    *nodeLinks
	features atomic.Pointer[transport.Features]
	strays   atomic.Uint64 // messages dropped
	phase    atomic.Int32  // a phase; changed under mu
	opened   atomic.Int64  // calls of this node that are under way
	messages sync.Pool     // saves an allocation per publish: a transport keeps no message
	parkings sync.Pool     // saves a channel per call that is awaited

	verbs     map[string]verb
	inspector *inspector
	feed      *feed

	sending context.Context // of what the node publishes; ends when a closing node waits no longer
	giveUp  context.CancelCauseFunc

	own        transport.Subscription // to the node's own subject
	running    context.Context        // ends when the node begins to drain
	endRunning context.CancelFunc
	serving    chan struct{} // holds one while Serve runs, so that Drain can wait for its end
	drainAsked atomic.Bool   // by the verb

	goroutines sync.WaitGroup
	stop       chan struct{} // closed when the node's own goroutines are to end
	done       chan struct{} // closed when the node is
	lost       chan struct{} // closed when the connection has ended by itself

	// mu guards what follows, the closing of lost, and what is added to
	// goroutines. It comes last in the lock order: worker.mu, calls.mu, mu.
	mu       sync.Mutex
	settled  chan struct{}            // closed when no call is open; nil unless Drain waits for that
	denied   map[string]chan error    // publishes whose refusal somebody waits for, by subject
	lostErr  error                    // why the connection ended
	endErr   error                    // what Drain and Close return
	announce []transport.Subscription // discovery
}

// phase says how far a node's life is.
type phase uint8

const (
	phaseRunning phase = iota
	phaseDraining
	phaseClosed
)

// Start makes a node on conn, which the node takes over: closing the node
// closes it, and when Start fails it is closed too. A connection that belongs
// to another node is refused and left alone. ctx bounds the start only.
//
// Before it returns, the node has sent a message to itself through the broker,
// so that a missing permission appears here, by name.
func Start(ctx context.Context, conn transport.Conn, cfg Config) (*Node, error) {
	if conn == nil {
		return nil, errors.New("start node: the connection is nil: connect with a transport first")
	}
	n, err := newNode(conn, cfg)
	events := func(transport.Event) {}
	if err == nil {
		events = n.event
	}
	attachErr := conn.Attach(events) // whatever else is wrong: only what is ours may be closed
	if errors.Is(attachErr, transport.ErrTaken) {
		return nil, fmt.Errorf("start node: %w: give each node a connection of its own", attachErr)
	}
	if errors.Is(attachErr, transport.ErrClosed) {
		attachErr = fmt.Errorf("%w: connect again", attachErr)
	}
	if err = cmp.Or(err, attachErr); err != nil {
		return nil, errors.Join(fmt.Errorf("start node: %w", err), conn.Close())
	}
	if err := n.start(ctx); err != nil {
		// Not shut: when the connection has ended, another Close is under way.
		return nil, errors.Join(fmt.Errorf("start node in namespace %q: %w", n.cfg.Namespace, err), n.Close())
	}
	n.log.Info("node started", "namespace", n.cfg.Namespace, "transport", n.conn.Features().Transport)
	return n, nil
}

func newNode(conn transport.Conn, cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	types, err := newErrorTypes(cfg.Errors)
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:     cfg,
		conn:    conn,
		id:      rand.Text(),
		clock:   newClock(),
		codecs:  newCodecs(cfg.Codec),
		errors:  types,
		serving: make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		lost:    make(chan struct{}),
		denied:  make(map[string]chan error),
		links:   &nodeLinks{},
	}
	n.log = cfg.Logger.With("node", n.id)
	n.messages.New = func() any { return new(transport.Message) }
	n.parkings.New = func() any { return newParking() }
	n.inbox = wire.InboxPrefix(cfg.Namespace, cfg.Group, n.id)
	if cfg.Codec != n.codecs.native {
		n.contentType = cfg.Codec.ContentType()
	}
	n.sending, n.giveUp = context.WithCancelCause(context.Background())
	n.running, n.endRunning = context.WithCancel(context.Background())
	n.members = newMembership(n)
	n.verbs = n.knownVerbs()
	n.outbox = newOutbox(n)
	n.inspector = newInspector(n)
	n.feed = &feed{n: n}
	n.backlog = newBacklog(n)
	n.calls = newCalls(n)
	n.worker = newWorker(n)
	return n, nil
}

// start subscribes to what a node listens to and pings itself.
func (n *Node) start(ctx context.Context) error {
	n.learnFeatures()
	n.spawn(n.outbox.run)
	n.spawn(n.inspector.run)
	n.spawn(func() { n.calls.sweeper.run(n.stop) })
	n.spawn(func() { n.worker.sweeper.run(n.stop) })
	ns := n.cfg.Namespace
	for _, s := range []struct {
		subject string
		handler func(*transport.Message)
	}{
		{n.inbox + ">", n.calls.receive},
		{wire.NodePattern(ns, n.id), n.private},
		{wire.NodePattern(ns, wire.AllNodes), n.private},
	} {
		sub, err := n.conn.Subscribe(s.subject, "", s.handler)
		if err != nil {
			return fmt.Errorf("subscribe to %q: %w", s.subject, err)
		}
		if s.subject == wire.NodePattern(ns, n.id) {
			n.own = sub
		}
	}
	if err := n.conn.Flush(ctx); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if err := n.pingSelf(ctx); err != nil {
		return err
	}
	n.discover(ctx)
	return nil
}

// pingSelf sends a message through the broker to this node and waits for its
// answer to come back.
func (n *Node) pingSelf(ctx context.Context) error {
	subject := wire.NodeSubject(n.cfg.Namespace, n.id, wire.VerbPing)
	answered := make(chan struct{}, 1)
	n.calls.mu.Lock()
	p, reply := n.calls.probeLocked(func(wire.Frame, *transport.Message) {
		select {
		case answered <- struct{}{}:
		default:
		}
	})
	n.calls.mu.Unlock()
	defer func() {
		n.calls.mu.Lock()
		n.calls.unprobeLocked(p)
		n.calls.mu.Unlock()
	}()
	refused := make(chan error, 1)
	n.mu.Lock()
	n.denied[subject] = refused
	n.denied[wire.FrameSubject(n.inbox, wire.SuffixResult)] = refused
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.denied = make(map[string]chan error)
		n.mu.Unlock()
	}()
	if err := n.publish(subject, reply, nil, nil); err != nil {
		return fmt.Errorf("send a message to itself: %w", err)
	}
	select {
	case <-answered:
		return nil
	case err := <-refused:
		return err
	case <-n.lost:
		return fmt.Errorf("send a message to itself: %w", n.connectionError())
	case <-ctx.Done():
		return fmt.Errorf("send a message to itself on %q: no answer: %w", subject, context.Cause(ctx))
	}
}

// ID returns the node's name on the wire, new and random at each Start.
func (n *Node) ID() string { return n.id }

// Namespace returns the namespace that the node lives in.
func (n *Node) Namespace() string { return n.cfg.Namespace }

// Done is closed when the node is closed and all that belonged to it has
// ended.
func (n *Node) Done() <-chan struct{} { return n.done }

// event takes what happens to the connection.
func (n *Node) event(e transport.Event) {
	switch e.Kind {
	case transport.Cut:
		n.log.Warn("connection cut")
		n.calls.cutOff()
	case transport.Restored:
		n.log.Info("connection restored")
		n.learnFeatures()
		n.calls.restored()
		n.spawn(n.calls.sendHeld)
		n.backlog.restored()
	case transport.Closed:
		n.mu.Lock()
		unasked := n.phaseNow() != phaseClosed
		if unasked {
			n.lostErr = e.Err
			close(n.lost)
		}
		n.mu.Unlock()
		if unasked {
			n.log.Error("connection closed", "err", e.Err)
			n.calls.close("its connection to the broker has ended: start another node")
			go func() { _ = n.Close() }() // waits for the connection, so not from its own goroutine; Done tells when it is over
		}
	case transport.Denied:
		n.deniedOn(e)
	case transport.Dropped:
		n.log.Error("messages lost: a subscription was too slow", "subject", e.Subject, "err", e.Err)
	}
}

// deniedOn hands a refused publish to whoever waits for it.
func (n *Node) deniedOn(e transport.Event) {
	err := fmt.Errorf("%w on %q: grant it in the broker's permissions", transport.ErrDenied, e.Subject)
	n.mu.Lock()
	waiting := n.denied[e.Subject]
	n.mu.Unlock()
	if waiting != nil {
		select {
		case waiting <- err:
		default:
		}
		return
	}
	n.log.Error("permission denied", "subject", e.Subject, "err", e.Err)
	n.calls.denied(e.Subject)
}

// connectionError says why the connection ended.
func (n *Node) connectionError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lostErr != nil {
		return n.lostErr
	}
	return transport.ErrClosed
}

// learnFeatures reads what the connection can do.
func (n *Node) learnFeatures() {
	f := n.conn.Features()
	n.features.Store(&f)
}

func (n *Node) maxPayload() int         { return n.features.Load().MaxPayload }
func (n *Node) replyPrefixes() []string { return n.features.Load().ReplyPrefixes }

// publish hands a message to the transport.
func (n *Node) publish(subject, reply string, header transport.Header, data []byte) error {
	return n.publishUnder(n.sending, subject, reply, header, data)
}

// publishUnder does so until ctx ends, should the transport make us wait. The
// message is of no use after that.
func (n *Node) publishUnder(ctx context.Context, subject, reply string, header transport.Header, data []byte) error {
	m := n.messages.Get().(*transport.Message)
	*m = transport.Message{Subject: subject, Reply: reply, Header: header, Data: data}
	if d, ok := ctx.Deadline(); ok {
		m.Expires = max(time.Until(d), time.Millisecond)
	}
	err := n.conn.Publish(ctx, m)
	*m = transport.Message{}
	n.messages.Put(m)
	return err
}

// publishFailure turns a transport's refusal into what ends a call.
func publishFailure(err error, executed wire.Executed) *wire.Failure {
	f := &wire.Failure{Code: wire.CodeDisconnected, Executed: executed, Message: err.Error()}
	switch {
	case errors.Is(err, transport.ErrTooLarge):
		f.Code = wire.CodeTooLarge
		f.Message += ": send a reference to it, or raise the broker's limit"
	case errors.Is(err, transport.ErrDenied):
		f.Code = codeDenied
	case errors.Is(err, transport.ErrSubject):
		f.Code = codeBadName
	case errors.Is(err, transport.ErrHeader):
		f.Code = wire.CodeBadInput
	case errors.Is(err, transport.ErrClosed):
		f.Code = codeClosed
	}
	return f
}

// dropped counts a message that is not of the protocol.
func (n *Node) dropped(subject, why string) {
	if k := n.strays.Add(1); k&(k-1) == 0 { // the 1st, 2nd, 4th, 8th …
		n.log.Warn("message dropped", "subject", subject, "why", why, "dropped", k)
	}
}

// spawn runs f on a goroutine that Close waits for; false when the node has
// been closed and f will not run.
func (n *Node) spawn(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.phaseNow() == phaseClosed {
		return false
	}
	n.goroutines.Go(f)
	return true
}
