package transporttest

import (
	"testing"

	"github.com/atasks-io/atasks/transport"
)

// topic is a group of cases, written in the file of that name.
type topic struct {
	name  string
	cases []testCase
	// unless says why the topic does not apply to a fabric; nil: it always does.
	unless func(h Harness, f transport.Features) string
	// own gives each case a harness of its own.
	own bool
}

type testCase struct {
	name string
	run  func(f *fixture)
}

func topics() []topic {
	return []topic{
		{name: "publish", cases: publishCases()},
		{name: "flush", cases: flushCases()},
		{name: "groups", cases: groupCases()},
		{name: "wildcards", cases: wildcardCases()},
		{name: "noresponders", cases: noRespondersCases()},
		{name: "headers", cases: headerCases()},
		{name: "payloads", cases: payloadCases()},
		{name: "subjects", cases: subjectCases()},
		{name: "order", cases: orderCases()},
		{name: "concurrency", cases: concurrencyCases()},
		{name: "drain", cases: drainCases()},
		{name: "close", cases: closeCases()},
		{name: "events", cases: eventCases()},
		{name: "denied", cases: deniedCases(), unless: knowsNoPermissions},
		{name: "cut", cases: cutCases(), unless: cannotBeCut, own: true},
	}
}

// Run checks that the transport behind open keeps the promises of
// transport.Conn. It opens one harness for most cases and one for each case
// that breaks the link. It returns after the cases have run, or, since they
// are parallel, when t's function may return.
func Run(t *testing.T, open Open) {
	t.Helper()
	runTopics(t, open, topics())
}

func runTopics(t *testing.T, open Open, all []topic) {
	t.Helper()
	shared := open(t)
	features := featuresOf(t, shared)
	for _, tp := range all {
		if tp.unless != nil {
			if why := tp.unless(shared, features); why != "" {
				t.Logf("topic %q does not apply: %s", tp.name, why)
				continue
			}
		}
		t.Run(tp.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range tp.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					h := shared
					if tp.own {
						h = open(t)
					}
					c.run(newFixture(t, h))
				})
			}
		})
	}
}

// featuresOf asks a connection, which it closes.
func featuresOf(tb testing.TB, h Harness) transport.Features {
	tb.Helper()
	c := h.Open(tb)
	f := c.Features()
	if err := c.Close(); err != nil {
		tb.Fatalf("Close() = %v, want nil", err)
	}
	return f
}

func knowsNoPermissions(h Harness, _ transport.Features) string {
	if _, ok := h.(Guard); !ok {
		return "the harness has no OpenGuarded"
	}
	return ""
}

func cannotBeCut(h Harness, f transport.Features) string {
	if !f.Cut {
		return "Features().Cut is false"
	}
	if _, ok := h.(Breaker); !ok {
		return "the harness has no Cut and Heal"
	}
	return ""
}
