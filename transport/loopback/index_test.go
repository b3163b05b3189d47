package loopback

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/transport"
)

// matches is the slow and obvious way to compare a subject with a pattern.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return len(s) > i
		case i >= len(s) || token != "*" && token != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}

// FuzzIndex adds and removes patterns and compares what the index finds with
// the obvious way. The input is a program: one line for each step.
func FuzzIndex(f *testing.F) {
	f.Add("+a\n+a.b\n+a.*\n?a.b\n-a.b\n?a.b\n?a")
	f.Add("+>\n+*\n+*.>\n+a.>\n?a\n?a.b.c\n->\n-*\n?a")
	f.Add("+a g\n+a g\n+a h\n+a\n?a\n-a g\n-a g\n-a h\n-a\n?a")
	f.Add("+a.*.c\n+a.b.*\n+*.b.c\n+a.b.c\n?a.b.c\n?a.b\n?a.x.c")
	f.Fuzz(func(t *testing.T, program string) {
		var x index
		var live []*subscription
		for step := range strings.Lines(program) {
			step = strings.TrimSpace(step)
			if len(step) < 2 {
				continue
			}
			name, group, _ := strings.Cut(step[1:], " ")
			switch step[0] {
			case '+':
				if transport.CheckSubject(name, true) == nil {
					s := &subscription{subject: name, group: group}
					x.add(s)
					live = append(live, s)
				}
			case '-':
				i := slices.IndexFunc(live, func(s *subscription) bool { return s.subject == name && s.group == group })
				if i >= 0 {
					x.remove(live[i])
					live = slices.Delete(live, i, i+1)
				}
			case '?':
				if transport.CheckSubject(name, false) == nil {
					compare(t, &x, live, name)
				}
			}
		}
		for _, s := range live {
			x.remove(s)
		}
		if len(x.exact) > 0 || !x.root.isEmpty() || x.wild != 0 {
			t.Errorf("index without subscriptions still holds %d subjects, %d wildcards, tree %+v", len(x.exact), x.wild, x.root)
		}
	})
}

func compare(t *testing.T, x *index, live []*subscription, subject string) {
	t.Helper()
	var got, want []*subscription
	for _, in := range x.match(subject, nil) {
		got = append(got, in.plain...)
		for _, g := range in.groups {
			got = append(got, g.members...)
			if len(g.members) == 0 {
				t.Errorf("match(%q) finds the group %q without a member", subject, g.name)
			}
		}
	}
	for _, s := range live {
		if matches(s.subject, subject) {
			want = append(want, s)
		}
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("match(%q) does not find %q", subject, s.subject)
		}
	}
	if len(got) != len(want) {
		t.Errorf("match(%q) finds %d subscriptions, want %d", subject, len(got), len(want))
	}
}

func BenchmarkPublishAmong10000(b *testing.B) {
	broker := New()
	defer broker.Close()
	c, err := broker.Connect()
	if err != nil {
		b.Fatal(err)
	}
	credit := make(chan struct{}, 1024)
	for i := range 10_000 {
		if _, err := c.Subscribe(fmt.Sprintf("at.default.task.%d", i), "at", func(*transport.Message) { <-credit }); err != nil {
			b.Fatal(err)
		}
	}
	m := transport.Message{Subject: "at.default.task.77", Data: make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		credit <- struct{}{}
		if err := c.Publish(b.Context(), &m); err != nil {
			b.Fatal(err)
		}
	}
}
