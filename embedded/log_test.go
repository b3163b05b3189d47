package embedded

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
)

// logBuffer keeps what is logged.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logBuffer) wait(ctx context.Context, text string) error {
	return poll(ctx, func() bool { return strings.Contains(l.String(), text) })
}

func TestLogTellsNoSecret(t *testing.T) {
	t.Parallel()
	var logs logBuffer
	s := run(t, Config{
		Listen: "127.0.0.1:0", Logger: logs.logger(),
		Namespaces: []Namespace{{Name: "a", User: "alice", Password: "canary-right"}},
	})
	pass(t, dial(t, s.URL(), nats.UserInfo("alice", "canary-right")), dialLocal(t, s, "a"))
	for _, opt := range []nats.Option{nats.UserInfo("alice", "canary-wrong"), nats.Token("canary-token")} {
		if nc, err := nats.Connect(s.URL(), opt); err == nil {
			nc.Close()
			t.Error("Connect(wrong) = nil, want an error")
		}
	}
	if err := logs.wait(within(t), "authentication error"); err != nil {
		t.Errorf("nothing is logged about wrong credentials: %v", err)
	}
	_ = s.Shutdown(cancelled())
	secrets := []string{"canary-right", "canary-wrong", "canary-token", s.own["a"].password}
	for _, secret := range secrets {
		if strings.Contains(logs.String(), secret) {
			t.Errorf("the log has the secret %q in it:\n%s", secret, &logs)
		}
	}
	for _, want := range []string{"server=" + s.setup.Name, "Server is ready", "level=DEBUG"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log has no %q in it:\n%s", want, &logs)
		}
	}
	for line := range strings.Lines(logs.String()) {
		if strings.Contains(line, "Plaintext") && !strings.Contains(line, "level=DEBUG") {
			t.Errorf("the log warns of passwords that nobody could change: %s", line)
		}
	}
}

func TestLogIsFitToBeRead(t *testing.T) {
	t.Parallel()
	l := newServerLog(nil, "s", []string{"hunter2", "abc"})
	for in, want := range map[string]string{
		"password hunter2, abc\n":      "password [REDACTED], abc",
		"a\x1b]0;title\a":              "a\uFFFD]0;title\uFFFD",
		"one\ntwo":                     "one\uFFFDtwo",
		"right to left \u202e":         "right to left \uFFFD",
		"bad \xff":                     "bad \uFFFD",
		strings.Repeat("ä", 5000):      strings.Repeat("ä", maxLogText/2) + "…",
		"x" + strings.Repeat("ä", 5e3): "x" + strings.Repeat("ä", maxLogText/2-1) + "…",
	} {
		if got := l.clean(in); got != want {
			t.Errorf("clean(%.40q) = %.60q, want %.60q", in, got, want)
		}
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	var logs logBuffer
	l := newServerLog(logs.logger(), "s", nil)
	l.Noticef("said %s", "notice")
	l.Warnf("said %s", "warn")
	l.Errorf("said %s", "error")
	l.Debugf("said %s", "debug")
	l.Tracef("said %s", "trace")
	if got := l.failure(); got != "" {
		t.Errorf("failure() = %q, want none so far", got)
	}
	l.Fatalf("said %s", "fatal")
	l.Fatalf("said %s", "more")
	if got := l.failure(); got != "said fatal" {
		t.Errorf("failure() = %q, want the first fatal word", got)
	}
	for level, what := range map[string]string{"INFO": "notice", "WARN": "warn", "DEBUG": "debug"} {
		want := fmt.Sprintf("level=%s msg=\"nats server\" server=s said=\"said %s\"", level, what)
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log has no %q in it:\n%s", want, &logs)
		}
	}
	if got := strings.Count(logs.String(), "level=ERROR"); got != 3 {
		t.Errorf("the log has %d errors, want 3:\n%s", got, &logs)
	}
	if strings.Contains(logs.String(), "trace") {
		t.Errorf("the log has what clients send in it:\n%s", &logs)
	}
}
