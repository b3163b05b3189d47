package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/embedded"
)

// What any single message may cost the worker that it reaches, where the broker
// carries a mebibyte in one. Where it carries more, memory is in proportion.
const (
	mostMemory = 32 << 20
	mostTime   = 50 * time.Millisecond
)

// hostile is a message that means no good, and what becomes of it.
type hostile struct {
	name    string
	task    string   // or subject; default "any"
	subject string   // with NODE for the worker's ID
	reply   string   // default: once a client's inbox and once an address of the protocol
	json    bool     // what the body says it is; default msgpack
	header  string   // lines
	bodies  [][]byte // each is a message of its own; nil is one without a body
	want    string   // ok, a code, dropped, ignored or broker; several with a |
}

// goodInbox begins where the answers to honest questions come to.
const goodInbox = "_INBOX.good"

// What becomes of a message that is not answered.
const (
	dropped = "dropped" // and counted
	ignored = "ignored" // nobody was there, or nothing is to be said
	broker  = "broker"  // the server did not take it
)

// victim is a worker process that hostile messages are sent to.
type victim struct {
	*process
	raw      rawClient
	nc       *nats.Conn
	answers  chan *nats.Msg
	sent     int
	measured bool // the limits count: the worker is without the race detector
	size     int  // what the broker carries in mebibytes
	most     costs
}

// costs are the greatest so far, and what caused them.
type costs struct {
	memory             int64
	time               time.Duration
	largest, slowestOf string
}

func newVictim(t *testing.T, maxPayload int) *victim {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0", MaxPayload: maxPayload})
	if err != nil {
		t.Fatal(err)
	}
	shutDown(t, srv)
	v := &victim{process: startWorker(t, srv.URL(), 4), raw: newRawClient(t, srv.URL()), answers: make(chan *nats.Msg, 100_000), measured: !raceEnabled, size: maxPayload >> 20}
	if v.nc, err = nats.Connect(srv.URL(), nats.CustomInboxPrefix(goodInbox)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.nc.Close)
	for _, pattern := range []string{"_INBOX.evil.>", "at.default.reply.evil.>"} {
		if _, err := v.nc.ChanSubscribe(pattern, v.answers); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return v
}

// attack sends h in every form that it has.
func (v *victim) attack(t *testing.T, h *hostile) {
	t.Helper()
	bodies := h.bodies
	if bodies == nil {
		bodies = [][]byte{nil}
	}
	for _, body := range bodies {
		for _, native := range []bool{false, true} {
			if native && h.reply != "" {
				continue
			}
			v.fire(t, h, native, body)
			if t.Failed() {
				t.Fatalf("the body was %.200x", body)
			}
		}
	}
}

// fire sends one message and checks what becomes of it. When that takes longer
// than it may the message is sent again, and the worker's processor time counts
// as well: the machine may be busy with others. Beyond a mebibyte time is only
// told: it grows with the size, and there is no promise about it.
func (v *victim) fire(t *testing.T, h *hostile, native bool, body []byte) {
	t.Helper()
	const tries = 10
	for try := 1; ; try++ {
		weighs := v.measured && len(h.bodies) < 2 && try == 1 // it is slower in memory that was given back
		var before int64
		if weighs {
			before = v.tidy(t)
		}
		busy := v.busy(t)
		took, got := v.once(t, h, native, body)
		busy = v.busy(t) - busy
		if !strings.Contains("|"+h.want+"|", "|"+got+"|") {
			t.Errorf("native %v: it ended as %q, want %q", native, got, h.want)
		}
		if weighs {
			v.weigh(t, h, v.peak(t)-before)
		}
		if took > v.most.time && try == 1 {
			v.most.time, v.most.slowestOf = took, h.name
		}
		if took <= mostTime || busy <= mostTime || !v.measured || v.size > 1 {
			return
		}
		if try == tries {
			t.Errorf("native %v: it took %v and %v of the processor at the last of %d tries, want at most %v", native, took, busy, tries, mostTime)
			return
		}
	}
}

// weigh looks at how much more memory the worker held for a message.
func (v *victim) weigh(t *testing.T, h *hostile, grown int64) {
	t.Helper()
	if grown > v.most.memory {
		v.most.memory, v.most.largest = grown, h.name
	}
	if limit := int64(mostMemory) * int64(v.size); grown > limit {
		t.Errorf("the worker held %d MiB more, want at most %d", grown>>20, limit>>20)
	}
}

// tidy makes the worker give back memory, and its peak begin anew. It returns
// where that is.
func (v *victim) tidy(t *testing.T) int64 {
	t.Helper()
	if _, err := v.nc.Request("at.default.task.tidy", nil, 10*time.Second); err != nil {
		t.Fatalf("tidy = %v", err)
	}
	const resetPeak = "5" // see proc(5)
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", v.cmd.Process.Pid), []byte(resetPeak), 0); err != nil {
		t.Fatal(err)
	}
	return v.peak(t)
}

// busy returns the processor time that the worker has used, in steps of 10 ms.
func (v *victim) busy(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
	var ticks time.Duration
	for _, f := range fields[12:14] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// once sends a message and returns how it ended and when. Afterwards the
// worker has answered a good call, and nothing else has come.
func (v *victim) once(t *testing.T, h *hostile, native bool, body []byte) (took time.Duration, end string) {
	t.Helper()
	before := v.dropped(t)
	v.sent++
	subject, reply, header := h.subject, h.reply, h.header
	switch {
	case subject == "" && h.task == "":
		subject = "at.default.task.any"
	case subject == "":
		subject = "at.default.task." + h.task
	}
	subject = strings.ReplaceAll(subject, "NODE", v.node)
	switch {
	case reply == "-":
		reply = ""
	case reply == "" && native:
		reply = fmt.Sprintf("at.default.reply.evil.n1.c%d.-.0", v.sent)
	case reply == "":
		reply = fmt.Sprintf("_INBOX.evil.%d", v.sent)
	}
	reply = strings.ReplaceAll(reply, "NODE", v.node)
	if !strings.Contains(header, "Content-Type") && native == h.json {
		kind := "application/msgpack"
		if h.json {
			kind = "application/json"
		}
		header = strings.TrimPrefix(header+"\r\nContent-Type: "+kind, "\r\n")
	}
	begun := time.Now()
	if refusal := v.raw.send(t, subject, reply, []byte(header), body); refusal != "" {
		took, end = time.Since(begun), broker
	}
	// A message that nobody answers is over when a later one is.
	silent := strings.Contains(h.want, dropped) || strings.Contains(h.want, ignored)
	if end == "" && !silent {
		m := v.answer(t)
		took, end = time.Since(begun), codeOf(m)
		checkAnswer(t, m, reply)
	}
	v.good(t)
	if end == "" {
		took, end = time.Since(begun), ignored
		for deadline := begun.Add(5 * time.Second); strings.Contains(h.want, dropped) && time.Now().Before(deadline); {
			if v.dropped(t) > before {
				end = dropped
				break
			}
		}
	}
	for {
		select {
		case m := <-v.answers:
			if !strings.HasSuffix(m.Subject, ".acc") { // which may come after the answer
				t.Errorf("one more message came: %s %v %.100q", m.Subject, m.Header, m.Data)
			}
			continue
		default:
		}
		break
	}
	return took, end
}

// answer waits for the final word on a message.
func (v *victim) answer(t *testing.T) *nats.Msg {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case m := <-v.answers:
			if !strings.HasSuffix(m.Subject, ".acc") {
				return m
			}
		case <-deadline:
			t.Fatal("no answer came")
		}
	}
}

// codeOf reads an answer.
func codeOf(m *nats.Msg) string {
	if code := m.Header.Get("At-Error"); code != "" {
		return code
	}
	return "ok"
}

// checkAnswer complains of an answer that has what none has.
func checkAnswer(t *testing.T, m *nats.Msg, reply string) {
	t.Helper()
	want := published{subject: reply}
	if strings.HasPrefix(reply, "at.") {
		want = frameFor(reply, map[bool]string{true: ".ok", false: ".err"}[codeOf(m) == "ok"])
	}
	if got := (published{m.Subject, m.Reply}); got != want {
		t.Errorf("the answer came to %.300q, want %.300q", got, want)
	}
	for key := range m.Header {
		if !strings.HasPrefix(key, "At-Err") && key != "At-Executed" && key != "Content-Type" {
			t.Errorf("the answer has the header %q", key)
		}
	}
	if codeOf(m) != "ok" && (len(m.Data) == 0 || len(m.Data) > 2000) {
		t.Errorf("the answer says %.300q in %d bytes, want a few words", m.Data, len(m.Data))
	}
}

// good makes an honest call.
func (v *victim) good(t *testing.T) {
	t.Helper()
	m, err := v.nc.Request("at.default.task.one", []byte(`7`), 10*time.Second)
	if err != nil || string(m.Data) != "7" {
		t.Fatalf("a good call ends with %v, %v, want 7", m, err)
	}
}

// dropped asks the worker how many messages it has dropped.
func (v *victim) dropped(t *testing.T) uint64 {
	t.Helper()
	m, err := v.nc.Request("at.default.node."+v.node+".info", nil, 10*time.Second)
	if err != nil {
		t.Fatalf("info = %v", err)
	}
	var info actor.NodeInfo
	if err := json.Unmarshal(m.Data, &info); err != nil {
		t.Fatalf("info = %q, %v", m.Data, err)
	}
	return info.Dropped
}

// TestHostileMessages sends what is known to hurt to a live worker. Each
// message is refused or dropped in good time and in little memory, and a good
// call is answered after it.
func TestHostileMessages(t *testing.T) { //nolint:tparallel // what one message costs is measured alone
	t.Parallel()
	for _, c := range []struct {
		name    string
		payload int
		attacks []hostile
	}{
		{"1MiB", 1 << 20, hostileMessages()},
		{"4MiB", 4 << 20, hostileBombs(4 << 20)},
	} {
		if raceEnabled && c.payload > 1<<20 {
			continue // it is about the limits
		}
		t.Run(c.name, func(t *testing.T) {
			v := newVictim(t, c.payload)
			for range 20 {
				v.good(t)
			}
			for _, h := range c.attacks {
				t.Run(h.name, func(t *testing.T) { v.attack(t, &h) })
			}
			t.Logf("%d messages; the slowest took %v: %s; the largest took %d MiB: %s",
				v.sent, v.most.time.Round(time.Millisecond), v.most.slowestOf, v.most.memory>>20, v.most.largest)
		})
	}
	if raceEnabled {
		withoutRace(t) // where the limits count
	}
}
