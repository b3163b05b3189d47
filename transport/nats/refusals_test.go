package nats

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
)

// refusal returns what the client makes of a refusal: a value of its own each
// time.
func refusal(text string) error {
	return fmt.Errorf("%w: %s", nats.ErrPermissionViolation, text)
}

func TestRefusalsAreReportedOnce(t *testing.T) {
	t.Parallel()
	a, b, c := refusal("a"), refusal("b"), refusal("c")
	var r refusals
	expect := func(step string, last error, want ...error) {
		t.Helper()
		got, _ := r.flushed(last, true)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: flushed(%v) = %v, want %v", step, last, got, want)
		}
	}
	expect("nothing", nil)
	expect("something else", nats.ErrSlowConsumer)

	if !r.called(a) || !r.called(b) {
		t.Error("called(a, b) = false, want them to be news")
	}
	expect("callbacks came first", b, a, b)
	expect("still the last error", b)

	expect("the flush came first", c, c)
	if r.called(c) {
		t.Error("called(c) = true, want it to be known from the flush")
	}
	expect("no more", c)

	d, e, f := refusal("d"), refusal("e"), refusal("f")
	expect("one of two came late", e, e)
	if !r.called(d) || r.called(e) {
		t.Error("called(d), called(e): want d to be news, and e not")
	}
	expect("the late one belongs to the flush before", e)
	if !r.called(f) {
		t.Error("called(f) = false, want it to be news")
	}
	expect("after that as ever", f, f)
}

func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	var r refusals
	for i := range 1000 {
		r.called(refusal(fmt.Sprint(i)))
	}
	if got, _ := r.flushed(nil, true); len(got) != maxRefusals {
		t.Errorf("flushed() = %d refusals, want %d", len(got), maxRefusals)
	}
}

func TestRefusedSubject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, subject, words string }{
		{`Permissions Violation for Publish to "a.b"`, "a.b", `publish to "a.b"`},
		{`Permissions Violation for Publish with Reply of "r"`, "r", `publish with the reply subject "r"`},
		{`Permissions Violation for Subscription to "a.>"`, "a.>", `subscribe to "a.>"`},
		{`Permissions Violation for Subscription to "a" using queue "q"`, "a", `subscribe to "a"`},
		{`Permissions Violation for Publish to "a\"\u2603"`, `a"☃`, `publish to "a\"☃"`},
		{`Permissions Violation`, "", `subscribe to ""`},
	} {
		if got := refusedSubject(refusal(tt.text)); got != tt.subject {
			t.Errorf("refusedSubject(%s) = %q, want %q", tt.text, got, tt.subject)
		}
		if got := describe([]error{refusal(tt.text)}); got != tt.words {
			t.Errorf("describe(%s) = %s, want %s", tt.text, got, tt.words)
		}
	}
}
