package transporttest

import (
	"errors"
	"strings"

	"github.com/atasks-io/atasks/transport"
)

func deniedCases() []testCase {
	return []testCase{
		{"a subscription", func(f *fixture) {
			deniedThing(f, func(c *link, subject string) { c.handle(subject, "", func(*transport.Message) {}) })
		}},
		{"a subscription in a group", func(f *fixture) {
			deniedThing(f, func(c *link, subject string) { c.handle(subject, "g", func(*transport.Message) {}) })
		}},
		{"a message", func(f *fixture) {
			deniedThing(f, func(c *link, subject string) { c.send(subject, "x") })
		}},
		{"several things", deniedSeveral},
	}
}

func (f *fixture) openGuarded() (c *link, denied string) {
	f.Helper()
	conn, denied := f.h.(Guard).OpenGuarded(f.T)
	return f.attach(conn), denied + "." + f.prefix
}

// deniedThing checks that what do does to a forbidden subject is reported.
func deniedThing(f *fixture, do func(c *link, subject string)) {
	c, denied := f.openGuarded()
	c.flush()
	do(c, denied+".a")
	expectDenied(f, c, denied+".a")
	if e := c.event(transport.Denied); e.Subject != denied+".a" || e.Err == nil {
		f.Errorf("event Denied of %q with %v, want of %q with what the fabric said", e.Subject, e.Err, denied+".a")
	}
	// It has been said once; the connection goes on.
	c.flush()
	c.alive()
}

// expectDenied flushes and looks for the subjects in the error.
func expectDenied(f *fixture, c *link, subjects ...string) {
	f.Helper()
	err := c.Flush(f.ctx)
	if !errors.Is(err, transport.ErrDenied) {
		f.Fatalf("Flush() = %v, want ErrDenied", err)
	}
	for _, s := range subjects {
		if strings.Contains(err.Error(), s) {
			return
		}
	}
	f.Errorf("Flush() = %q, want an error that names %q", err, subjects)
}

func deniedSeveral(f *fixture) {
	c, denied := f.openGuarded()
	in := c.inbox(f.subject("ok"), "")
	want := map[string]bool{}
	var names []string
	for _, s := range []string{"a", "b.*", "c.>"} {
		names = append(names, denied+"."+s)
		want[denied+"."+s] = true
		c.handle(denied+"."+s, "", func(*transport.Message) {})
	}
	c.send(f.subject("ok"), "allowed")
	expectDenied(f, c, names...)
	in.expect("allowed")
	for range names {
		if e := c.event(transport.Denied); !want[e.Subject] {
			f.Errorf("event Denied of %q, want one each of %q", e.Subject, names)
		} else {
			delete(want, e.Subject)
		}
	}
	c.flush()
}
