package actor

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport/loopback"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := Config{}.withDefaults()
	if err != nil {
		t.Fatalf("withDefaults() = %v, want nil", err)
	}
	if c.Namespace != "default" || c.Group != "any" || c.Codec != codec.Msgpack || c.Logger == nil {
		t.Errorf("withDefaults() = namespace %q, group %q, codec %v, logger %v", c.Namespace, c.Group, c.Codec, c.Logger)
	}
	if c.Grace > maxGrace || c.Slots <= 0 || c.MaxDepth > maxMaxDepth {
		t.Errorf("withDefaults() = grace %v, slots %d, depth %d", c.Grace, c.Slots, c.MaxDepth)
	}
	given := Config{Namespace: "n", Slots: 3, LostAfter: time.Minute, Codec: codec.JSON}
	c, err = given.withDefaults()
	if err != nil || c.Namespace != "n" || c.Slots != 3 || c.LostAfter != time.Minute || c.Codec != codec.JSON {
		t.Errorf("withDefaults() = %+v, %v, changed what was given", c, err)
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  Config
		want string // in the error; empty when there is none
	}{
		{"namespace", Config{Namespace: "a.b"}, "Namespace"},
		{"wildcard", Config{Namespace: "*"}, "Namespace"},
		{"long", Config{Namespace: strings.Repeat("a", 65)}, "Namespace"},
		{"line break", Config{Namespace: "a\r\nPUB b"}, "Namespace"},
		{"group", Config{Group: ">"}, "Group"},
		{"version", Config{Version: "v1"}, "Version"},
		{"pre-release", Config{Version: "1.2.3-rc.1+meta"}, ""},
		{"slots", Config{Slots: -1}, "Slots"},
		{"mailbox", Config{Mailbox: -1}, "Mailbox"},
		{"bytes", Config{MailboxBytes: math.MinInt}, "MailboxBytes"},
		{"in hand", Config{InHand: -5}, "InHand"},
		{"depth", Config{MaxDepth: -1}, "MaxDepth"},
		{"too deep", Config{MaxDepth: maxMaxDepth + 1}, "MaxDepth"},
		{"grace", Config{Grace: -1}, "Grace"},
		{"too much grace", Config{Grace: maxGrace + 1}, "Grace"},
		{"patience", Config{Patience: -1}, "Patience"},
		{"ping", Config{PingInterval: -1}, "PingInterval"},
		{"lost", Config{LostAfter: -1}, "LostAfter"},
		{"seldom asked", Config{PingInterval: time.Second, LostAfter: time.Second}, "PingInterval"},
		{"callers seldom ask", Config{PingInterval: time.Second, CallerLostAfter: time.Second}, "PingInterval"},
		{"asked slowly", Config{PingInterval: time.Minute}, ""},
		{"impatient", Config{LostAfter: 200 * time.Millisecond}, ""},
		{"caller", Config{CallerLostAfter: -1}, "CallerLostAfter"},
		{"drain", Config{DrainTimeout: -1}, "DrainTimeout"},
		{"close", Config{CloseTimeout: -1}, "CloseTimeout"},
		{"middleware", Config{OnCall: []Middleware{nil}}, "Config.OnCall[0]"},
		{"middleware", Config{OnServe: []Middleware{func(h Handler) Handler { return h }, nil}}, "Config.OnServe[1]"},
		{"errors", Config{Errors: []ErrorType{{}}}, "Errors"},
		{"most", Config{Grace: maxGrace, MaxDepth: maxMaxDepth, Patience: math.MaxInt64, Slots: 1, Mailbox: 1, MailboxBytes: 1, InHand: 1}, ""},
	} {
		conn, err := loopback.New().Connect()
		if err != nil {
			t.Fatal(err)
		}
		n, err := Start(t.Context(), conn, tt.cfg)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: Start() = %v, want an error with %q", tt.name, err, tt.want)
		case err == nil:
			n.Close()
		case conn.Attach(nil) == nil:
			t.Errorf("%s: Start() failed and left the connection open", tt.name)
		}
		if strings.Contains(tt.want, "amespace") && !errors.Is(err, ErrBadName) {
			t.Errorf("%s: Start() = %v, want ErrBadName", tt.name, err)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Start(t.Context(), nil, Config{}); err == nil {
		t.Error("Start(nil connection) = nil, want an error")
	}
	r := newRig(t)
	n := r.node(Config{})
	if _, err := Start(t.Context(), n.conn, Config{}); err == nil || !strings.Contains(err.Error(), "connection of its own") {
		t.Errorf("Start(taken connection) = %v, want an error that says what to do", err)
	}
	if err := n.Serve(Handle("still.alive", nopHandler)); err != nil {
		t.Errorf("Serve() after another Start on the connection = %v, want nil", err)
	}
}

func TestRetryPolicyCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p  RetryPolicy
		ok bool
	}{
		{RetryPolicy{}, true},
		{RetryPolicy{MaxAttempts: 1, Initial: 1, Max: 1, Multiplier: 1, Jitter: 1}, true},
		{RetryPolicy{MaxAttempts: -1}, false},
		{RetryPolicy{Initial: -1}, false},
		{RetryPolicy{Max: -1}, false},
		{RetryPolicy{Multiplier: 0.5}, false},
		{RetryPolicy{Multiplier: math.NaN()}, false},
		{RetryPolicy{Jitter: -0.1}, false},
		{RetryPolicy{Jitter: 1.1}, false},
		{RetryPolicy{Jitter: math.NaN()}, false},
	} {
		if err := tt.p.check(); (err == nil) != tt.ok {
			t.Errorf("check(%+v) = %v, want ok = %v", tt.p, err, tt.ok)
		}
	}
	bad := NewTarget[int, int]("a", Retry(RetryPolicy{MaxAttempts: -1}))
	r := newRig(t)
	n := r.node(Config{})
	if _, err := Ask[int, int](n.under(), bad, 1); err == nil || !strings.Contains(err.Error(), "MaxAttempts") {
		t.Errorf("Ask(bad policy) = %v, want an error that names MaxAttempts", err)
	}
	if err := n.Serve(Implement(bad, func(context.Context, int) (int, error) { return 0, nil })); err == nil {
		t.Error("Serve(bad policy) = nil, want an error")
	}
}

func TestRetryPolicyWait(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for _, tt := range []struct {
		p       RetryPolicy
		attempt int
		random  float64
		want    time.Duration
	}{
		{RetryPolicy{}, 1, 0, 100 * ms},
		{RetryPolicy{}, 2, 0, 200 * ms},
		{RetryPolicy{}, 3, 0, 400 * ms},
		{RetryPolicy{}, 1, 1, 80 * ms},
		{RetryPolicy{}, 100, 0, 10 * time.Second},
		{RetryPolicy{Initial: time.Hour}, 1, 0, 10 * time.Second},
		{RetryPolicy{Max: 150 * ms}, 2, 0, 150 * ms},
		{RetryPolicy{Multiplier: 1}, 9, 0, 100 * ms},
		{RetryPolicy{Jitter: 1}, 1, 1, 0},
		{RetryPolicy{Multiplier: math.Inf(1)}, 5, 0, 10 * time.Second},
		{RetryPolicy{Initial: math.MaxInt64, Max: math.MaxInt64}, 3, 0, math.MaxInt64},
		{RetryPolicy{Max: math.MaxInt64}, 1 << 30, 0, math.MaxInt64},
	} {
		p := tt.p
		if err := p.check(); err != nil {
			t.Errorf("check(%+v) = %v, want nil", tt.p, err)
			continue
		}
		if got := p.wait(tt.attempt, tt.random); got != tt.want {
			t.Errorf("wait(%+v, attempt %d, random %v) = %v, want %v", tt.p, tt.attempt, tt.random, got, tt.want)
		}
	}
}

func TestMaxAttempts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		opts []TargetOption
		want int
	}{
		{nil, 1},
		{[]TargetOption{Idempotent()}, 3},
		{[]TargetOption{Retry(RetryPolicy{})}, 3},
		{[]TargetOption{Retry(RetryPolicy{MaxAttempts: 7}), Idempotent()}, 7},
	} {
		if got := NewTarget[int, int]("a", tt.opts...).maxAttempts(); got != tt.want {
			t.Errorf("maxAttempts() of %d options = %d, want %d", len(tt.opts), got, tt.want)
		}
	}
}

// TestNoBudgetInDisguise covers the durations by which people say "for ever".
func TestNoBudgetInDisguise(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, noLocal := range []bool{false, true} {
		target := NewTarget[int, int]("inc", Timeout(math.MaxInt64))
		n := r.node(Config{NoLocal: noLocal}, Implement(target, func(_ context.Context, v int) (int, error) { return v + 1, nil }))
		for _, opts := range [][]CallOption{nil, {CallTimeout(math.MaxInt64)}, {CallTimeout(math.MaxInt64 - 1)}} {
			if got, err := Ask[int, int](n.under(), target, 1, opts...); got != 2 || err != nil {
				t.Errorf("NoLocal = %v: Ask() with the longest timeout = %d, %v, want 2", noLocal, got, err)
			}
		}
		n.Close()
	}
}
