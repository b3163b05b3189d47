package wire_test

import (
	"strings"
	"testing"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// half is the bound that the longest subjects keep: a broker's line also holds
// a reply subject and the sizes.
const half = transport.MaxSubject / 2

func TestLongestSubjects(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("x", wire.MaxToken)
	name := strings.Repeat("n", wire.MaxName)
	address := wire.AppendAddress(nil, wire.InboxPrefix(token, token, token), token, 1<<63-1, 999_999_999)
	for _, s := range []string{
		wire.TaskSubject(token, name),
		wire.NodeTaskSubject(token, token, name),
		wire.NodeSubject(token, token, wire.VerbCancel),
		string(address) + wire.SuffixResult,
		string(address) + wire.SuffixProgress,
	} {
		if err := transport.CheckSubject(s, false); err != nil || len(s) > half {
			t.Errorf("CheckSubject(%q) = %v, %d bytes, want nil and at most %d", s, err, len(s), half)
		}
	}
	for _, s := range []string{
		wire.NodePattern(token, token),
		wire.NodePattern("default", wire.AllNodes),
		wire.InboxPrefix(token, token, token) + ">",
	} {
		if err := transport.CheckSubject(s, true); err != nil || len(s) > half {
			t.Errorf("CheckSubject(%q, pattern) = %v, %d bytes, want nil and at most %d", s, err, len(s), half)
		}
	}
	reserved := string(address) + "." + strings.Repeat("r", wire.MaxName)
	if _, _, ok := wire.ParseAddress(token, reserved); !ok {
		t.Errorf("ParseAddress(%q) = false, want true", reserved)
	}
	if s := reserved + wire.SuffixProgress; transport.CheckSubject(s, false) != nil {
		t.Errorf("CheckSubject(%q) = %v, want nil", s, transport.CheckSubject(s, false))
	}
}

func TestParseNodeSubject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		subject, verb, task string
		ok                  bool
	}{
		{wire.NodeSubject("default", "n1", wire.VerbPing), wire.VerbPing, "", true},
		{wire.NodeSubject("default", wire.AllNodes, wire.VerbPs), wire.VerbPs, "", true},
		{wire.NodeTaskSubject("default", "n1", "fib"), "", "fib", true},
		{wire.NodeTaskSubject("default", "n1", "task.task"), "", "task.task", true},
		{"at.default.node.n1.later.verb", "later.verb", "", true},
		{"at.default.node.n1.task", "task", "", true},
		{"at.default.node.n1.tasks.fib", "tasks.fib", "", true},
		{"", "", "", false},
		{"at", "", "", false},
		{"at.default.node.n1", "", "", false},
		{"at.default.node.n1.", "", "", false},
		{"AT.default.node.n1.ping", "", "", false},
		{"$JS.API.STREAM.DELETE.X", "", "", false},
		{"at.default.node.n1.task.", "", "", false},
		{"at.default.node.n1.task.a..b", "", "", false},
		{"at.default.node.n1.task.*", "", "", false},
		{"at.default.node.n1.task.a.b.c.d.e.f.g.h.i", "", "", false},
		{"at.default.node.n1.task." + strings.Repeat("n", wire.MaxName+1), "", "", false},
	} {
		verb, task, ok := wire.ParseNodeSubject(tt.subject)
		if ok != tt.ok || ok && (verb != tt.verb || task != tt.task) {
			t.Errorf("ParseNodeSubject(%q) = %q, %q, %v, want %q, %q, %v",
				tt.subject, verb, task, ok, tt.verb, tt.task, tt.ok)
		}
	}
}

func FuzzParseNodeSubject(f *testing.F) {
	f.Fuzz(func(t *testing.T, subject string) {
		verb, task, ok := wire.ParseNodeSubject(subject)
		if !ok {
			return
		}
		if (verb == "") == (task == "") {
			t.Fatalf("ParseNodeSubject(%q) = %q, %q, want either a verb or a task", subject, verb, task)
		}
		what := verb
		if task != "" {
			what = "task." + task
			if err := wire.CheckName(task); err != nil {
				t.Errorf("ParseNodeSubject(%q) gave a task of which CheckName says %v", subject, err)
			}
		}
		to := strings.SplitN(subject, ".", 5)
		if got := strings.Join(to[:4], ".") + "." + what; got != subject {
			t.Errorf("ParseNodeSubject(%q) = %q, %q: together %q", subject, verb, task, got)
		}
		// Of a subject that NodePattern matched, the same builds it again.
		if to[2] != "node" || transport.CheckSubject(subject, false) != nil {
			return
		}
		if got := wire.NodeSubject(to[1], to[3], what); got != subject {
			t.Errorf("NodeSubject(%q, %q, %q) = %q, want %q", to[1], to[3], what, got, subject)
		}
	})
}
