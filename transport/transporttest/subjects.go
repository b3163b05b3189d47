package transporttest

import (
	"errors"
	"strings"

	"github.com/atasks-io/atasks/transport"
)

func subjectCases() []testCase {
	return []testCase{
		{"long ones pass", subjectsLong},
		{"invalid ones are refused by Publish", subjectsPublish},
		{"invalid ones are refused as Reply", subjectsReply},
		{"invalid patterns are refused by Subscribe", subjectsSubscribe},
		{"invalid groups are refused by Subscribe", subjectsGroup},
		{"every character that is allowed passes", subjectsCharacters},
	}
}

// pad returns a subject of exactly n bytes.
func (f *fixture) pad(n int) string {
	s := f.subject("")
	return s + strings.Repeat("x", n-len(s))
}

func subjectsLong(f *fixture) {
	c := f.open()
	for _, n := range []int{900, transport.MaxSubject} {
		in := c.inbox(f.pad(n), f.pad(n))
		c.ask(f.pad(n), f.pad(n-1), "x")
		if m := in.next(); m.Subject != f.pad(n) || m.Reply != f.pad(n-1) {
			f.Errorf("subject and reply of %d and %d bytes arrived as %d and %d bytes", n, n-1, len(m.Subject), len(m.Reply))
		}
	}
	tokens := f.subject(strings.TrimSuffix(strings.Repeat("t.", 400), "."))
	in := c.inbox(tokens, "")
	c.send(tokens, "x")
	in.expect("x")
}

// badSubjects are wrong as a pattern as well.
func (f *fixture) badSubjects() []string {
	return []string{
		"", ".", "..", "." + f.subject("a"), f.subject("a."), f.subject("a..b"), f.subject("a b"), f.subject("a\tb"),
		f.subject("a\r\nPUB b 1\r\nx"), f.subject("a\n"), f.subject("a\x00"), f.subject("\x7f"), f.subject("a\xffb"),
		f.subject("a*"), f.subject("*a"), f.subject("a.>b"), f.subject("a.>.b"), f.subject("**"), f.subject(">>"),
		f.pad(transport.MaxSubject + 1), f.pad(5000), f.pad(100_000),
	}
}

// alive checks that the connection has come through what was done to it.
func (l *link) alive() {
	l.f.Helper()
	in := l.inbox(l.f.subject("alive"), "")
	l.send(l.f.subject("alive"), "alive")
	in.expect("alive")
	select {
	case e := <-l.events:
		l.f.Errorf("event %v %q %v, want none", e.Kind, e.Subject, e.Err)
	default:
	}
}

func subjectsPublish(f *fixture) {
	c := f.open()
	all := c.inbox(f.subject(">"), "")
	for _, s := range append(f.badSubjects(), f.subject("*"), f.subject(">"), f.subject("a.*.b"), "*", ">") {
		err := c.Publish(f.ctx, &transport.Message{Subject: s, Data: []byte("bad")})
		if !errors.Is(err, transport.ErrSubject) {
			f.Errorf("Publish(%.60q) = %v, want ErrSubject", s, err)
		}
	}
	c.send(f.subject("good"), "good")
	all.expect("good")
	c.alive()
}

func subjectsReply(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	for _, s := range append(f.badSubjects(), f.subject("*"), f.subject(">"), "*", ">") {
		if s == "" {
			continue // no reply wanted
		}
		err := c.Publish(f.ctx, &transport.Message{Subject: f.subject("a"), Reply: s, Data: []byte("bad")})
		if !errors.Is(err, transport.ErrSubject) {
			f.Errorf("Publish(reply %.60q) = %v, want ErrSubject", s, err)
		}
	}
	c.send(f.subject("a"), "good")
	in.expect("good")
	c.alive()
}

func subjectsSubscribe(f *fixture) {
	c := f.open()
	for _, s := range f.badSubjects() {
		if sub, err := c.Subscribe(s, "", func(*transport.Message) {}); !errors.Is(err, transport.ErrSubject) || sub != nil {
			f.Errorf("Subscribe(%.60q) = %v, %v, want nil, ErrSubject", s, sub, err)
		}
	}
	c.alive()
}

func subjectsGroup(f *fixture) {
	c := f.open()
	for _, g := range []string{" ", "a b", "a\r\nb", "a\t", "*", ">", "a..b", f.pad(5000)} {
		if sub, err := c.Subscribe(f.subject("a"), g, func(*transport.Message) {}); !errors.Is(err, transport.ErrSubject) || sub != nil {
			f.Errorf("Subscribe(group %.60q) = %v, %v, want nil, ErrSubject", g, sub, err)
		}
	}
	c.alive()
}

func subjectsCharacters(f *fixture) {
	c := f.open()
	var all strings.Builder
	for b := byte('!'); b < 0x7f; b++ {
		if b != '.' && b != '*' && b != '>' {
			all.WriteByte(b)
		}
	}
	for _, s := range []string{f.subject(all.String()), f.subject("ünï☃." + all.String())} {
		in := c.inbox(s, "g")
		c.ask(s, s+".r", "x")
		if m := in.next(); m.Subject != s || m.Reply != s+".r" {
			f.Errorf("subject %q arrived as %q", s, m.Subject)
		}
	}
}
