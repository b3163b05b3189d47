package integration

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// complaints collects what nodes log that a person should know.
type complaints struct {
	mu    sync.Mutex
	lines []string
}

func (c *complaints) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler           { return c }
func (c *complaints) WithGroup(string) slog.Handler                { return c }

func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	return nil
}

// of returns the lines that hold a word.
func (c *complaints) of(word string) (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		if strings.Contains(l, word) {
			lines = append(lines, l)
		}
	}
	return lines
}

// node starts a node of a role with the role's own rights. Its liveness is
// quick, so that a test sees much of it.
func (s guarded) node(t *testing.T, role string, log *complaints, tasks ...actor.Servable) *actor.Node {
	t.Helper()
	conn, err := atnats.Connect(t.Context(), s.ClientURL(), atnats.UserPassword(role, password(role)), atnats.ClientOptions(nats.NoReconnect()))
	if err != nil {
		t.Fatal(err)
	}
	n, err := actor.Start(t.Context(), conn, actor.Config{
		Namespace: "shop", Group: role, NoLocal: true, Logger: slog.New(log),
		PingInterval: 100 * time.Millisecond, LostAfter: 2 * time.Second,
	})
	if err != nil {
		t.Fatalf("%s: Start() = %v", role, err)
	}
	t.Cleanup(func() { n.Close() })
	if err := n.Serve(tasks...); err != nil {
		t.Fatalf("%s: Serve() = %v", role, err)
	}
	return n
}

// TestPermissionsSuffice: with the documented permissions everything works
// that a role is for, and no node is refused anything.
func TestPermissionsSuffice(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	var log complaints
	begun, ended := make(chan string, 10), make(chan error, 10)
	hang := atask.Declare[string, string]("hang")
	relay := atask.Declare[int, int]("relay")
	served := append(openTasks(), oneTask.With(one), hang.With(func(ctx context.Context, s string) (string, error) {
		info, _ := atask.InfoFrom(ctx)
		begun <- info.Node
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return "", ctx.Err()
	}))
	worker := s.node(t, "jobs", &log, served...)
	both := s.node(t, "app", &log, relay.With(func(ctx context.Context, n int) (int, error) { return oneTask.Await(ctx, n) }))
	ops := s.node(t, "ops", &log)
	web := s.node(t, "web", &log)
	ctx, cancel := context.WithTimeout(web.Context(t.Context()), 30*time.Second)
	defer cancel()

	if got, err := relay.Await(ctx, 7); err != nil || got != 7 {
		t.Errorf("web calls app, which calls jobs: %d, %v, want 7, nil", got, err)
	}
	if got, err := oneTask.Await(both.Context(ctx), 8); err != nil || got != 8 {
		t.Errorf("app calls jobs: %d, %v, want 8, nil", got, err)
	}
	if _, err := failTask.Await(ctx, 1); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("a task that fails: %v, want its error", err)
	}
	progress := make(chan struct{})
	var once sync.Once
	if _, err := slowTask.Await(ctx, 1, atask.OnProgress(func(atask.ProgressReport) { once.Do(func() { close(progress) }) })); err != nil {
		t.Errorf("a slow task: %v, want nil", err)
	}
	select {
	case <-progress: // on a goroutine of its own, so perhaps after the result
	case <-ctx.Done():
		t.Error("a slow task shows no progress")
	}
	if err := oneTask.Tell(ctx, 1); err != nil {
		t.Errorf("Tell() = %v, want nil", err)
	}

	inspects(t, s, web, ops, hang, begun, worker.ID())
	if cause := <-ended; cause == nil || !strings.Contains(cause.Error(), "enough") {
		t.Errorf("the handler's context ended with %v, want the reason of the cancel", cause)
	}
	m, err := s.connect(t, "tool").Request("at.shop.task.one", []byte("9"), 10*time.Second)
	if err != nil || string(m.Data) != "9" {
		t.Errorf("a plain client calls jobs: %v, %v, want 9", m, err)
	}
	if bad := log.of(""); len(bad) > 0 {
		t.Errorf("nodes complain: %q, want nothing", bad)
	}

	f := hang.Start(ctx, "lost")
	<-begun
	s.kill(t, "jobs")
	if _, err := f.Await(ctx); !errors.Is(err, actor.ErrWorkerLost) {
		t.Errorf("the worker is cut off: %v, want %v", err, actor.ErrWorkerLost)
	}
	if _, err := oneTask.Await(ctx, 1); !errors.Is(err, actor.ErrNoWorker) {
		t.Errorf("without a worker: %v, want %v", err, actor.ErrNoWorker)
	}
	if bad := slices.Concat(log.of("denied"), log.of("discoverable"), log.of("ermission")); len(bad) > 0 {
		t.Errorf("nodes lack permissions: %q", bad)
	}
}

// inspects looks at a call from all sides while it runs, and cancels it.
func inspects(t *testing.T, s guarded, web, ops *actor.Node, hang *atask.Task[string, string], begun <-chan string, worker string) {
	t.Helper()
	ctx := web.Context(t.Context())
	calling, cancel := context.WithCancelCause(ctx)
	f := hang.Start(calling, "x")
	if node := <-begun; node != worker {
		t.Errorf("the call runs on %s, want %s", node, worker)
	}
	<-time.After(1200 * time.Millisecond) // calls are named in pings when they are a second old
	nodes, err := ops.Nodes(ctx, 300*time.Millisecond)
	var groups []string
	for _, n := range nodes {
		groups = append(groups, n.Group)
	}
	slices.Sort(groups)
	if want := []string{"app", "jobs", "web"}; err != nil || !slices.Equal(groups, want) {
		t.Errorf("ops sees nodes of %v, %v, want %v: all but its own", groups, err, want)
	}
	calls, err := ops.Calls(ctx, 300*time.Millisecond)
	if err != nil || len(calls) != 1 || calls[0].Task != "hang" {
		t.Errorf("ops sees the calls %+v, %v, want the one of hang", calls, err)
	}
	nc := s.connect(t, "ops")
	for verb, want := range map[string]string{"ping": worker, "info": `"group":"jobs"`, "ps": `"task":"hang"`, "stack": "goroutine "} {
		m, err := nc.Request("at.shop.node."+worker+"."+verb, nil, 10*time.Second)
		if err != nil || !strings.Contains(string(m.Data), want) {
			t.Errorf("ops asks for %s: %v, %v, want %s in it", verb, m, err, want)
		}
	}
	m, err := nc.Request("$SRV.PING.atasks-shop."+worker, nil, 10*time.Second)
	var ping struct{ ID string }
	if err != nil || json.Unmarshal(m.Data, &ping) != nil || ping.ID != worker {
		t.Errorf("ops discovers %v, %v, want %s", m, err, worker)
	}
	select {
	case <-f.Done():
		_, err := f.Await(ctx)
		t.Errorf("the call ended with %v while it was watched", err)
	default:
	}
	cancel(errors.New("enough"))
	if _, err := f.Await(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that is cancelled: %v, want %v", err, context.Canceled)
	}
}

// kill ends the connections of a user.
func (s guarded) kill(t *testing.T, user string) {
	t.Helper()
	conns, err := s.Connz(&server.ConnzOptions{Username: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conns.Conns {
		if c.AuthorizedUser == user {
			if err := s.DisconnectClientByID(c.Cid); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOpsDrains: an operator takes a node out of service.
func TestOpsDrains(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, nil)
	var log complaints
	worker := s.node(t, "jobs", &log, oneTask.With(one))
	m, err := s.connect(t, "ops").Request("at.shop.node."+worker.ID()+".drain", nil, 10*time.Second)
	if err != nil || !strings.Contains(string(m.Data), "draining") {
		t.Errorf("ops drains: %v, %v, want it to be draining", m, err)
	}
	select {
	case <-worker.Done():
	case <-time.After(20 * time.Second):
		t.Error("the node does not end")
	}
	if bad := log.of(""); len(bad) > 0 {
		t.Errorf("nodes complain: %q, want nothing", bad)
	}
}
