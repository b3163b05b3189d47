package actor

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// rig is a broker with nodes on connections that fail on demand. All of them
// are closed when the test ends.
type rig struct {
	t      *testing.T
	broker *loopback.Broker
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{t: t, broker: loopback.New()}
}

// virtual runs f in virtual time.
func virtual(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newRig(t)) })
}

// member is a node and what can be done to it.
type member struct {
	*Node
	conn   *faultConn
	resume func() // thaws the node; nil while it runs
}

func (r *rig) conn() *faultConn {
	r.t.Helper()
	inner, err := r.broker.Connect()
	if err != nil {
		r.t.Fatalf("Connect() = %v, want nil", err)
	}
	return newFaultConn(inner)
}

// node starts a node that serves what is given.
func (r *rig) node(cfg Config, servables ...Servable) *member {
	r.t.Helper()
	m := &member{conn: r.conn()}
	var err error
	if m.Node, err = Start(r.t.Context(), m.conn, cfg); err != nil {
		r.t.Fatalf("Start() = %v, want nil", err)
	}
	r.t.Cleanup(func() {
		m.thaw()
		m.Close()
	})
	if len(servables) > 0 {
		if err := m.Serve(servables...); err != nil {
			r.t.Fatalf("Serve() = %v, want nil", err)
		}
	}
	return m
}

// under is a context of the node that no handler's end bounds.
func (m *member) under() context.Context { return m.Context(context.Background()) }

// freeze stops the node as SIGSTOP does: its link in both directions, and its
// alarms. Handlers are the test's own affair. It returns when nothing moves.
func (m *member) freeze() {
	release := make(chan struct{})
	now := m.clock.now()
	for _, part := range []struct {
		mu      *sync.Mutex
		wheel   *wheel
		sweeper *sweeper
	}{
		{&m.calls.mu, &m.calls.wheel, m.calls.sweeper},
		{&m.worker.mu, &m.worker.wheel, m.worker.sweeper},
	} {
		hold := &holder{entered: make(chan struct{}), release: release}
		hold.alarm.owner = hold
		part.mu.Lock()
		part.wheel.set(&hold.alarm, now, now)
		part.mu.Unlock()
		part.sweeper.rearm(now)
		<-hold.entered
	}
	m.conn.stop()
	m.resume = sync.OnceFunc(func() { close(release) })
}

// thaw lets a frozen node go on.
func (m *member) thaw() {
	if m.resume != nil {
		m.resume()
	}
	m.conn.thaw()
}

// holder stops a sweeper for as long as it likes.
type holder struct {
	alarm            alarm
	entered, release chan struct{}
}

func (h *holder) ring(instant) {
	close(h.entered)
	<-h.release
}

// observe subscribes to a pattern. A listener on ">" suppresses NoResponders.
func (r *rig) observe(pattern string, handler func(*transport.Message)) {
	r.t.Helper()
	c := r.conn()
	if _, err := c.Subscribe(pattern, "", handler); err != nil {
		r.t.Fatalf("Subscribe(%q) = %v, want nil", pattern, err)
	}
	r.t.Cleanup(func() { c.Close() })
}

// pause lets time pass.
func pause(d time.Duration) { <-time.After(d) }

// starts records which calls started where, outside of any node.
type starts struct {
	mu    sync.Mutex
	by    map[string]int // by input
	nodes []string
	cause []error // of handlers whose context ended
}

func (s *starts) add(ctx context.Context, in string) {
	info, _ := InfoFrom(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = make(map[string]int)
	}
	s.by[in]++
	s.nodes = append(s.nodes, info.Node)
}

func (s *starts) ended(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cause = append(s.cause, context.Cause(ctx))
}

func (s *starts) of(in string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[in]
}

func (s *starts) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.by {
		n += k
	}
	return n
}

func (s *starts) causes() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.cause...)
}

// stuck is a task whose handler waits for the end of its context.
func (s *starts) stuck(t *Target) Servable {
	return Implement(t, func(ctx context.Context, in string) (string, error) {
		s.add(ctx, in)
		<-ctx.Done()
		s.ended(ctx)
		return "", ctx.Err()
	})
}

// echo is a task that returns its input after a while.
func (s *starts) echo(t *Target, after time.Duration) Servable {
	return Implement(t, func(ctx context.Context, in string) (string, error) {
		s.add(ctx, in)
		if after > 0 {
			select {
			case <-time.After(after):
			case <-ctx.Done():
				s.ended(ctx)
				return "", ctx.Err()
			}
		}
		return in, nil
	})
}

// table reads how many calls and questions a node's table holds.
func (n *Node) table() (pending, probes, peers, detours int) {
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	return len(n.calls.pending), len(n.calls.probes), len(n.calls.peers), len(n.calls.detours)
}

// within complains unless an event came in time.
func within(t *testing.T, what string, begun time.Time, limit time.Duration) {
	t.Helper()
	if took := time.Since(begun); took > limit {
		t.Errorf("%s took %v, want at most %v", what, took, limit)
	}
}

// taskSubject is where calls of a task go in the default namespace.
func taskSubject(name string) func(string) bool {
	return func(s string) bool { return s == wire.TaskSubject("default", name) }
}

// nopHandler answers with nothing.
func nopHandler(context.Context, []byte) ([]byte, error) { return nil, nil }

// goexit ends the goroutine as t.FailNow does.
func goexit() { runtime.Goexit() }
