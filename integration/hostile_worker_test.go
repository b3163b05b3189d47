package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// liar is a worker that answers one kind of call with what it should not.
type liar struct {
	name   string
	does   func(a *lies)
	within time.Duration // the caller's patience; default 10 s
	alone  bool          // not beside others, whose answers would wait behind its own
	want   string        // ok or the code of the error; several with a |
}

// lies publishes frames for one call.
type lies struct {
	t     *testing.T
	nc    *nats.Conn
	reply string
}

// frame publishes one frame: its token with the dot, header lines, body.
func (l *lies) frame(token, header, body string) {
	m := nats.NewMsg(l.reply + token)
	m.Data = []byte(body)
	for line := range strings.SplitSeq(header, "\n") {
		if k, v, found := strings.Cut(line, ": "); found {
			m.Header[k] = []string{v}
		}
	}
	if err := l.nc.PublishMsg(m); err != nil {
		l.t.Errorf("publish %s: %v", token, err)
	}
}

// good answers the call as an honest worker does.
func (l *lies) good() { l.frame(".ok", "", "\x07") }

// spoiled is an error with a type, for those who claim to send one.
type spoiled struct{ N []int }

func (*spoiled) Error() string { return "spoiled" }

// says returns a liar that sends one frame.
func says(name, want, token, header, body string) liar {
	return liar{name: name, want: want, does: func(l *lies) { l.frame(token, header, body) }}
}

// beforeGood returns a liar that sends one frame and then the result.
func beforeGood(name, token, header, body string) liar {
	return liar{name: name, want: "ok", does: func(l *lies) {
		l.frame(token, header, body)
		l.good()
	}}
}

func liars() []liar {
	const (
		full = 1<<20 - 1000
		no   = "\nAt-Executed: no"
	)
	long := strings.Repeat("x", full)
	return []liar{
		says("the reserved byte", "bad_result", ".ok", "", "\xc1"),
		says("an array bomb", "bad_result", ".ok", "", "\xdd\xff\xff\xff\xff"),
		says("a map bomb", "bad_result", ".ok", "", "\xdf\xff\xff\xff\xff"),
		says("deep", "bad_result", ".ok", "", strings.Repeat("\x91", full)),
		says("extra bytes", "bad_result", ".ok", "", "\x07\x07"),
		says("another type", "bad_result", ".ok", "", "\xa1x"),
		says("too large a number", "bad_result", ".ok", "", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
		says("JSON", "bad_result", ".ok", "Content-Type: application/json", `{"a":1}`),
		says("a mebibyte", "bad_result", ".ok", "", long),
		says("nothing", "ok", ".ok", "", ""),
		says("a result that says no responders", "ok", ".ok", "Status: 503", ""),
		says("a result with an error's headers", "ok", ".ok", "At-Error: failed", "\x07"),

		says("an error without headers", "failed", ".err", "", "no"),
		says("an error without anything", "failed", ".err", "", ""),
		says("a code that is none", "failed", ".err", "At-Error: \x01 x", "no"),
		says("a code of a mebibyte", "failed", ".err", "At-Error: "+long, ""),
		says("a code named ok", "ok_", ".err", "At-Error: ok_", "no"),
		says("a message of a mebibyte", "failed", ".err", "At-Error: failed", long),
		says("a message that is not UTF-8", "failed", ".err", "At-Error: failed", strings.Repeat("\xff", full)),
		says("a message of control bytes", "failed", ".err", "At-Error: failed", "\x1b]0;x\x07\r\n\x00"),
		says("executed, perhaps", "busy", ".err", "At-Error: busy\nAt-Executed: perhaps", "no"),
		says("a mangled header message", "failed", ".err", "At-Error: failed\nAt-Error-Message: %zz%", "x"),
		says("a type that nobody knows", "failed", ".err", "At-Error: failed\nAt-Error-Cause: secret\nAt-Error-Message: x", "\x01"),
		says("a known type with a bomb", "failed", ".err", "At-Error: failed\nAt-Error-Cause: spoiled\nAt-Error-Message: x", "\x81\xa1N\xdd\xff\xff\xff\xff"),
		says("a cause of the runtime", "failed", ".err", "At-Error: failed\nAt-Error-Cause: deadline", "no"),
		says("a code that never travels", "closed|denied", ".err", "At-Error: closed"+no, "no"),
		{name: "headers of 60 KB", want: "failed", does: func(l *lies) { l.frame(".err", strings.ReplaceAll(manyHeaders(6000), "\r\n", "\n"), "no") }},

		{name: "always busy", want: "deadline", within: time.Second, does: func(l *lies) { l.frame(".err", "At-Error: busy"+no, "") }},
		{name: "always draining", want: "deadline", within: time.Second, does: func(l *lies) { l.frame(".err", "At-Error: draining"+no, "") }},
		{name: "a later code, never executed", want: "deadline", within: time.Second, does: func(l *lies) { l.frame(".err", "At-Error: later"+no, "") }},
		says("says that nobody is there", "no_worker", ".err", "At-Error: no_worker"+no, ""),
		says("forges no responders", "no_worker", "", "Status: 503", ""),
		{name: "says nothing", want: "worker_lost", does: func(*lies) {}},
		says("accepts as nobody", "worker_lost", ".acc", "", "nobody"),

		beforeGood("a bare message", "", "", "\x07"),
		beforeGood("an unknown frame", ".later", "", "\x07"),
		beforeGood("an unknown frame that ends in a number", ".ok.1", "Status: 503", ""),
		beforeGood("a frame in capitals", ".OK", "", "\x08"),
		beforeGood("accepted by all", ".acc", "", "all"),
		beforeGood("accepted by nobody", ".acc", "", ""),
		beforeGood("accepted by a wildcard", ".acc", "", "*"),
		beforeGood("accepted by a subject", ".acc", "", "n1.drain"),
		beforeGood("accepted by a mebibyte", ".acc", "", long),
		beforeGood("progress that is none", ".pro", "", "\xff"),
		beforeGood("progress of a mebibyte", ".pro", "", "1 2 "+long),
		beforeGood("progress beyond all numbers", ".pro", "", "9223372036854775808 1 x"),
		{name: "accepted by three thousand", alone: true, want: "ok", does: func(l *lies) {
			for i := range 3000 {
				l.frame(".acc", "", fmt.Sprintf("n%d", i))
			}
			l.good()
		}},
		{name: "progress without end", alone: true, want: "ok", does: func(l *lies) {
			for i := range 3000 {
				l.frame(".pro", "", fmt.Sprintf("%d 0 x", i))
			}
			l.good()
		}},
		{name: "all ends at once", want: "ok", does: func(l *lies) {
			l.good()
			l.frame(".ok", "", "\xc1")
			l.frame(".err", "At-Error: failed", "late")
			l.frame(".acc", "", "late")
			l.frame(".pro", "", "1 1 late")
			l.frame("", "Status: 503", "")
		}},
		{name: "answers another's call", want: "ok", does: func(l *lies) {
			to := strings.Split(l.reply, ".")
			for _, token := range []string{"", "0", "1_1", "zzzzzzzzzzzzz", strings.Repeat("x", 500), to[5] + "-2", to[5] + "-", "-" + to[5], to[5][1:]} {
				if token == "" {
					continue
				}
				other := *l
				other.reply = strings.Join(append(append(to[:5:5], token), to[6:]...), ".")
				other.frame(".ok", "", "\xc1")
				other.frame(".err", "At-Error: failed", "no")
			}
			l.good()
		}},
		{name: "lives and never answers", want: "deadline", within: 1500 * time.Millisecond, does: func(l *lies) { l.frame(".acc", "", "undead") }},
		{name: "answers pings with a mebibyte", want: "worker_lost|deadline", within: 3 * time.Second, does: func(l *lies) { l.frame(".acc", "", "babbler") }},
	}
}

// TestHostileWorker: whatever a worker answers, the caller ends each call with
// the result or an error that has a code, and goes on.
func TestHostileWorker(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	nc, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	conn, err := atnats.Connect(t.Context(), srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	caller, err := actor.Start(t.Context(), conn, actor.Config{
		PingInterval: 200 * time.Millisecond, LostAfter: 1500 * time.Millisecond,
		Errors: []actor.ErrorType{actor.TypedError[*spoiled]("spoiled")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()

	all := liars()
	serve := func(subject, group string, answer func(m *nats.Msg)) {
		if _, err := nc.QueueSubscribe(subject, group, answer); err != nil {
			t.Fatal(err)
		}
	}
	serve("at.default.node.undead.ping", "", func(m *nats.Msg) { _ = nc.Publish(m.Reply+".ok", nil) })
	serve("at.default.node.babbler.ping", "", func(m *nats.Msg) {
		_ = nc.Publish(m.Reply+".ok", append([]byte(strings.Repeat("x ", 500_000)), m.Data...))
	})
	for i, l := range all {
		serve(fmt.Sprintf("at.default.task.evil.t%d", i), "at", func(m *nats.Msg) { l.does(&lies{t, nc, m.Reply}) })
	}
	serve("at.default.task.good", "at", func(m *nats.Msg) { (&lies{t, nc, m.Reply}).good() })
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	for i, l := range all {
		if !l.alone {
			wg.Go(func() { callLiar(t, caller, fmt.Sprintf("evil.t%d", i), l) })
		}
	}
	wg.Wait()
	for i, l := range all {
		if l.alone {
			callLiar(t, caller, fmt.Sprintf("evil.t%d", i), l)
		}
	}
	callLiar(t, caller, "good", liar{name: "an honest one", want: "ok"})
	if calls, err := caller.Calls(t.Context(), 200*time.Millisecond); err != nil || len(calls) > 0 {
		t.Errorf("the caller holds %v, %v, want nothing", calls, err)
	}
}

// callLiar makes a call and looks at its end. An unaccepted call counts as lost
// when nobody speaks up for it within a second, and liars do not: on a busy
// machine what they have sent may come later than that, so it tries again.
func callLiar(t *testing.T, caller *actor.Node, task string, l liar) {
	t.Helper()
	var code string
	var err error
	for range 5 {
		code, err = callOnce(t, caller, task, l)
		if strings.Contains("|"+l.want+"|", "|"+code+"|") {
			return
		}
		if code != "worker_lost" {
			break
		}
	}
	t.Errorf("%s: the call ends with %q (%.200v), want %q", l.name, code, err, l.want)
}

// callOnce makes one call and returns the code of its end.
func callOnce(t *testing.T, caller *actor.Node, task string, l liar) (code string, err error) {
	t.Helper()
	patience := l.within
	if patience == 0 {
		patience = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(caller.Context(t.Context()), patience)
	defer cancel()
	f := atask.Declare[int, int](task).Start(ctx, 1, atask.OnProgress(func(p atask.ProgressReport) {
		if len(p.Note) > 1024 || !utf8.ValidString(p.Note) {
			t.Errorf("%s: progress with a note of %d bytes", l.name, len(p.Note))
		}
	}))
	select {
	case <-f.Done():
	case <-time.After(patience + 10*time.Second):
		return "no end", nil
	}
	if _, err = f.Await(ctx); err == nil {
		return "ok", nil
	}
	e, is := errors.AsType[*actor.Error](err)
	if !is {
		return "an error without a code", err
	}
	if text := e.Error(); len(text) > 17_000 || !utf8.ValidString(text) {
		t.Errorf("%s: the error has %d bytes, UTF-8 %v", l.name, len(text), utf8.ValidString(text))
	}
	return e.Code, err
}

// TestHostileNodes: what nodes say of themselves is read, not believed.
func TestHostileNodes(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	nc, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	bodies := []string{
		"", "{", "[]", "null", "1", "\xff", `{"node":1}`, `{"node":"` + strings.Repeat("x", 500_000) + `"}`,
		strings.Repeat("[", 1<<20-100), strings.Repeat(`{"tasks":`, 100_000), `{"tasks":[` + strings.Repeat("null,", 200_000) + `null]}`,
		`{"executing":[` + strings.Repeat("{},", 20_000) + `{}]}`, `{"node":"evil","uptime_ms":1e400}`,
	}
	if _, err := nc.Subscribe("at.default.node.all.*", func(m *nats.Msg) {
		for _, body := range bodies {
			_ = nc.Publish(m.Reply+".ok", []byte(body))
		}
		_ = nc.Publish(m.Reply+".err", []byte("{}"))
		_ = nc.Publish(m.Reply, []byte("{}"))
		for i := range 3000 {
			_ = nc.Publish(m.Reply+".ok", fmt.Appendf(nil, `{"node":"n%d","state":"running"}`, i))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	conn, err := atnats.Connect(t.Context(), srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	node, err := actor.Start(t.Context(), conn, actor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	ctx := t.Context()
	nodes, err := node.Nodes(ctx, 500*time.Millisecond)
	if err != nil || len(nodes) == 0 {
		t.Errorf("Nodes() = %d of them, %v, want some, nil", len(nodes), err)
	}
	if _, err := node.Calls(ctx, 500*time.Millisecond); err != nil {
		t.Errorf("Calls() = %v, want nil", err)
	}
}
