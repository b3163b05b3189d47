package wire_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

var update = flag.Bool("update", false, "write the golden files; a changed one changes the protocol, see docs/protocol.md")

// checkGolden compares what would travel with what is on record.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: what travels has changed (-want +got); with a protocol note, run the test with -update:\n%s", path, d)
	}
}

func TestGoldenSubjects(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	line := func(what, subject string) { fmt.Fprintf(&b, "%-16s %s\n", what, subject) }
	line("queue group", wire.QueueGroup)
	line("task", wire.TaskSubject("default", "billing.invoice.send"))
	line("task on a node", wire.NodeTaskSubject("default", "n1", "billing.invoice.send"))
	for _, verb := range []string{
		wire.VerbPing, wire.VerbCancel, wire.VerbAwaits, wire.VerbInfo, wire.VerbPs, wire.VerbStack, wire.VerbDrain,
		wire.VerbSchema, wire.VerbWatch,
	} {
		line(verb, wire.NodeSubject("default", "n1", verb))
	}
	line("ps of all", wire.NodeSubject("default", wire.AllNodes, wire.VerbPs))
	line("events of a node", wire.EventSubject("default", "n1"))
	line("a watcher listens", wire.EventPattern("default"))
	line("node listens", wire.NodePattern("default", "n1"))
	line("all listen", wire.NodePattern("default", wire.AllNodes))
	line("inbox listens", wire.InboxPrefix("default", "any", "n1")+">")
	checkGolden(t, "subjects", b.String())
}

func TestGoldenAddresses(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, tt := range []struct {
		what   string
		call   string
		budget time.Duration
		depth  int
	}{
		{"5 s, depth 3", "c7", 5 * time.Second, 3},
		{"no deadline", "c7", wire.NoBudget, 0},
		{"overdue", "c7", 0, 0},
		{"rounded up", "c7", time.Nanosecond, 0},
		{"35 ms", "c7", 35 * time.Millisecond, 0},
		{"36 ms", "c7", 36 * time.Millisecond, 0},
		{"one day", "c7", 24 * time.Hour, 0},
		{"longest", "c7", 1<<63 - 1, 999_999_999},
		{"second attempt", "c7-2", 5 * time.Second, 0},
	} {
		address := wire.AppendAddress(nil, wire.InboxPrefix("default", "any", "n1"), tt.call, tt.budget, tt.depth)
		fmt.Fprintf(&b, "%-15s %s\n", tt.what, address)
	}
	checkGolden(t, "addresses", b.String())
}

// writeMessage writes a message as its subject, its headers by name and its
// body, all that may hold anything quoted.
func writeMessage(b *strings.Builder, what, subject string, h transport.Header, body []byte) {
	fmt.Fprintf(b, "# %s\n%s\n", what, subject)
	for _, key := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[key] {
			fmt.Fprintf(b, "%s: %q\n", key, v)
		}
	}
	fmt.Fprintf(b, "%q\n\n", body)
}

// writeFrame writes a frame about the sample's call.
func writeFrame(b *strings.Builder, what, suffix string, h transport.Header, body []byte) {
	inbox := wire.InboxPrefix(sample.Namespace, sample.Group, sample.Node)
	writeMessage(b, what, wire.FrameSubject(inbox, suffix)+" reply "+sample.Call, h, body)
}

func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	writeFrame(&b, "result: the bytes of the codec", wire.SuffixResult, nil, []byte("\xa2hi"))
	writeMessage(&b, "the same, to the whole address", sample.String()+wire.SuffixResult, nil, []byte("\xa2hi"))
	writeFrame(&b, "result without a value", wire.SuffixResult, nil, nil)
	writeFrame(&b, "accepted: the worker's node", wire.SuffixAccepted, nil, []byte("n2"))
	for _, tt := range []struct {
		what string
		p    wire.Progress
	}{
		{"progress", wire.Progress{Done: 3, Total: 10, Note: "copying files"}},
		{"progress, total unknown, no note", wire.Progress{Done: 3}},
		{"progress, a note that is not UTF-8", wire.Progress{Done: -1, Total: -1, Note: "a\xffb"}},
	} {
		writeFrame(&b, tt.what, wire.SuffixProgress, nil, wire.AppendProgress(nil, tt.p))
	}
	checkGolden(t, "frames", b.String())
}

func TestGoldenErrors(t *testing.T) {
	t.Parallel()
	failures := map[string]wire.Failure{
		"handler, plain":          {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Message: "no such user: ßé\n"},
		"handler, sentinel":       {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "no_rows", Message: "load: no rows"},
		"handler, permanent":      {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Permanent: true, Message: "card expired"},
		"handler, typed":          {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Message: "check 100%: limit\r\nreached", Detail: []byte("\x81\xa3Max\x05")},
		"handler, typed, nothing": {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Detail: []byte{}},
		"handler, child's error":  {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: wire.CodeWorkerLost, Message: "child: worker lost"},
		"not executed":            {Code: wire.CodeBusy, Executed: wire.ExecutedNo, Message: "mailbox full"},
		"executed or not":         {Code: wire.CodeCancelled, Message: "cancelled: not needed"},
	}
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(failures)) {
		f := failures[what]
		h, body := f.Encode()
		writeFrame(&b, what, wire.SuffixError, h, body)
	}
	checkGolden(t, "errors", b.String())
}

func TestGoldenVerbs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	one := func(verb string) string { return wire.NodeSubject("default", "n2", verb) }
	writeMessage(&b, "ping with the calls that n1 awaits of n2", one(wire.VerbPing), nil, wire.AppendCalls(nil, "c7", "c9-2"))
	writeFrame(&b, "its answer: the calls that n2 does not know", wire.SuffixResult, nil, wire.AppendCalls(nil, "c9-2"))
	writeMessage(&b, "cancel", one(wire.VerbCancel), nil,
		wire.AppendCancel(nil, wire.Cancel{Keys: []string{"n1.c7", "n1.c9-2"}, Reason: "deadline of the caller"}))
	writeMessage(&b, "cancel without a reason", one(wire.VerbCancel), nil,
		wire.AppendCancel(nil, wire.Cancel{Keys: []string{"n1.c7"}}))
	writeMessage(&b, "awaits: does n1 still wait for these?", wire.NodeSubject("default", "n1", wire.VerbAwaits), nil,
		wire.AppendCalls(nil, "c7", "c9-2"))
	writeMessage(&b, "ping of all, with calls that nobody accepted yet", wire.NodeSubject("default", wire.AllNodes, wire.VerbPing), nil,
		wire.AppendCalls(nil, "c11", "c12"))
	checkGolden(t, "verbs", b.String())
}

func TestGoldenHeaders(t *testing.T) {
	t.Parallel()
	got := strings.Join([]string{
		wire.HeaderContentType, wire.HeaderError, wire.HeaderExecuted, wire.HeaderErrorCause, wire.HeaderErrorMessage,
		wire.HeaderErrorPermanent, wire.HeaderAttempt, wire.HeaderTell, wire.HeaderProgress,
		wire.MetaHeader("tenant"), wire.MetaHeader("traceparent"), wire.MetaHeader("tracestate"), wire.MetaHeader("baggage"),
	}, "\n") + "\n"
	checkGolden(t, "headers", got)
}

func TestGoldenCodes(t *testing.T) {
	t.Parallel()
	got := strings.Join([]string{
		wire.CodeNoWorker, wire.CodeBusy, wire.CodeDraining, wire.CodeDisconnected, wire.CodeWorkerLost,
		wire.CodeDeadline, wire.CodeCancelled, wire.CodeBadInput, wire.CodeTooDeep, wire.CodeTooLarge,
		wire.CodePanicked, wire.CodeFailed, wire.CodeMoved, wire.CodeConflict, wire.CodeCycle,
	}, "\n") + "\n"
	checkGolden(t, "codes", got)
}
