package actor_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestStartRefuses: a configuration that makes no sense is refused by name,
// and the connection is closed.
func TestStartRefuses(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			cfg  actor.Config
			want error
			text string
		}{
			"namespace with a dot":    {cfg: actor.Config{Namespace: "a.b"}, want: actor.ErrBadName, text: "Config.Namespace"},
			"namespace that is a >":   {cfg: actor.Config{Namespace: ">"}, want: actor.ErrBadName, text: "Config.Namespace"},
			"namespace that is long":  {cfg: actor.Config{Namespace: strings.Repeat("n", 65)}, want: actor.ErrBadName, text: "Config.Namespace"},
			"group with a space":      {cfg: actor.Config{Group: "a b"}, want: actor.ErrBadName, text: "Config.Group"},
			"negative slots":          {cfg: actor.Config{Slots: -1}, text: "Config.Slots"},
			"negative mailbox":        {cfg: actor.Config{Mailbox: -1}, text: "Config.Mailbox"},
			"negative mailbox bytes":  {cfg: actor.Config{MailboxBytes: -1}, text: "Config.MailboxBytes"},
			"negative calls in hand":  {cfg: actor.Config{InHand: -1}, text: "Config.InHand"},
			"negative depth":          {cfg: actor.Config{MaxDepth: -1}, text: "Config.MaxDepth"},
			"depth without an end":    {cfg: actor.Config{MaxDepth: 1 << 20}, text: "Config.MaxDepth"},
			"negative grace":          {cfg: actor.Config{Grace: -1}, text: "Config.Grace"},
			"grace that is long":      {cfg: actor.Config{Grace: time.Second}, text: "Config.Grace"},
			"negative patience":       {cfg: actor.Config{Patience: -1}, text: "Config.Patience"},
			"negative ping interval":  {cfg: actor.Config{PingInterval: -1}, text: "Config.PingInterval"},
			"negative LostAfter":      {cfg: actor.Config{LostAfter: -1}, text: "Config.LostAfter"},
			"negative CallerLost":     {cfg: actor.Config{CallerLostAfter: -1}, text: "Config.CallerLostAfter"},
			"negative drain timeout":  {cfg: actor.Config{DrainTimeout: -1}, text: "Config.DrainTimeout"},
			"negative close timeout":  {cfg: actor.Config{CloseTimeout: -1}, text: "Config.CloseTimeout"},
			"middleware that is nil":  {cfg: actor.Config{OnServe: []actor.Middleware{nil}}, text: "Config.OnServe[0]"},
			"an empty error type":     {cfg: actor.Config{Errors: []actor.ErrorType{{}}}, text: "SentinelError"},
			"an error of no code":     {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("", sql.ErrNoRows)}}, text: "error code"},
			"an error with a space":   {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("no rows", sql.ErrNoRows)}}, text: `"no rows"`},
			"an error that is nil":    {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("x", nil)}}, text: `"x"`},
			"an interface":            {cfg: actor.Config{Errors: []actor.ErrorType{actor.TypedError[error]("x")}}, text: "interface"},
			"a code of the protocol":  {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("busy", sql.ErrNoRows)}}, text: `"busy"`},
			"a code of entities":      {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("conflict", sql.ErrNoRows)}}, text: `"conflict"`},
			"a code that never goes":  {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("closed", sql.ErrNoRows)}}, text: `"closed"`},
			"a code registered twice": {cfg: actor.Config{Errors: []actor.ErrorType{actor.SentinelError("x", sql.ErrNoRows), actor.SentinelError("x", sql.ErrTxDone)}}, text: "twice"},
		} {
			conn := connect(t, loopback.New())
			n, err := actor.Start(t.Context(), conn, c.cfg)
			if err == nil {
				n.Close()
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: Start() = %v, want an error about %s", name, err, c.text)
			}
			equal(t, name+": connection closed", closed(conn), true)
		}
	})
}

// TestStartOnATakenConnection: it is refused and left to its owner, whatever
// else is wrong.
func TestStartOnATakenConnection(t *testing.T) {
	virtual(t, func(t *testing.T) {
		conn := connect(t, loopback.New())
		owner, err := actor.Start(t.Context(), conn, actor.Config{})
		if err != nil {
			t.Fatalf("Start() = %v", err)
		}
		defer owner.Close()
		for name, cfg := range map[string]actor.Config{"good": {}, "bad": {Namespace: "a.b"}} {
			if _, err := actor.Start(t.Context(), conn, cfg); !errors.Is(err, transport.ErrTaken) {
				t.Errorf("Start() on a taken connection with a %s configuration = %v, want ErrTaken", name, err)
			}
			equal(t, "the owner's connection is closed", closed(conn), false)
		}
		if err := owner.Serve(actor.Handle("echo", echo)); err != nil {
			t.Errorf("Serve() of the owner = %v", err)
		}
		got, err := owner.Request(t.Context(), "echo", []byte("in"))
		answers(t, "Request() of the owner", got, err, "in")
	})
}

func TestStartWithoutAConnection(t *testing.T) {
	t.Parallel()
	if _, err := actor.Start(t.Context(), nil, actor.Config{}); err == nil {
		t.Error("Start(nil) = nil, want an error")
	}
	conn := connect(t, loopback.New())
	conn.Close()
	if _, err := actor.Start(t.Context(), conn, actor.Config{}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Start() on a closed connection = %v, want ErrClosed", err)
	}
}

// muteConn swallows what is published: a broker that answers nothing.
type muteConn struct{ transport.Conn }

func (muteConn) Publish(context.Context, *transport.Message) error { return nil }

// deniedConn refuses whatever begins with a prefix.
type deniedConn struct {
	transport.Conn
	prefix string
	events func(transport.Event)
}

func (c *deniedConn) Attach(events func(transport.Event)) error {
	c.events = events
	return c.Conn.Attach(events)
}

func (c *deniedConn) Publish(ctx context.Context, m *transport.Message) error {
	if strings.HasPrefix(m.Subject, c.prefix) {
		go c.events(transport.Event{Kind: transport.Denied, Subject: m.Subject})
		return nil
	}
	return c.Conn.Publish(ctx, m)
}

// TestStartNoticesWhatIsMissing: a permission that the node lacks is named, a
// broker that answers nothing is given up when the context ends.
func TestStartNoticesWhatIsMissing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, prefix := range []string{"at.default.node.", "at.default.reply."} {
			conn := connect(t, loopback.New())
			_, err := actor.Start(t.Context(), &deniedConn{Conn: conn, prefix: prefix}, actor.Config{})
			if !errors.Is(err, transport.ErrDenied) || !strings.Contains(err.Error(), prefix) {
				t.Errorf("Start() without the right to publish on %s = %v, want ErrDenied that names it", prefix, err)
			}
			equal(t, "connection closed", closed(conn), true)
		}
		conn := connect(t, loopback.New())
		errLate := errors.New("no time left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errLate)
		defer cancel()
		_, err := actor.Start(ctx, muteConn{conn}, actor.Config{})
		if !errors.Is(err, errLate) {
			t.Errorf("Start() on a mute broker = %v, want the cause of the context", err)
		}
		equal(t, "connection closed", closed(conn), true)
	})
}

// TestNodeNames: every start draws a new ID.
func TestNodeNames(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		one, two := start(t, b, actor.Config{Namespace: "shop"}), start(t, b, actor.Config{})
		equal(t, "Namespace()", one.Namespace(), "shop")
		equal(t, "Namespace() by default", two.Namespace(), "default")
		if one.ID() == two.ID() || one.ID() == "" {
			t.Errorf("ID() = %q and %q, want two names", one.ID(), two.ID())
		}
		n, ok := actor.NodeFrom(one.Context(t.Context()))
		equal(t, "NodeFrom()", n, one)
		equal(t, "NodeFrom() finds one", ok, true)
		_, ok = actor.NodeFrom(t.Context())
		equal(t, "NodeFrom() without one", ok, false)
	})
}

// deafConn lets nobody subscribe.
type deafConn struct{ transport.Conn }

var errDeaf = errors.New("deaf")

func (deafConn) Subscribe(string, string, func(*transport.Message)) (transport.Subscription, error) {
	return nil, errDeaf
}

// TestStartWithoutSubscriptions: a start that fails before the node listens to
// anything says so.
func TestStartWithoutSubscriptions(t *testing.T) {
	t.Parallel()
	c, err := loopback.New().Connect()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := actor.Start(t.Context(), deafConn{c}, actor.Config{}); !errors.Is(err, errDeaf) || n != nil {
		t.Errorf("Start() = %v, %v, want %v", n, err, errDeaf)
	}
}
