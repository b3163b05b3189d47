package transporttest

import (
	"fmt"
	"slices"

	"github.com/atasks-io/atasks/transport"
)

func groupCases() []testCase {
	return []testCase{
		{"exactly one member receives each message", groupExactlyOne},
		{"members on a wildcard share as well", groupWildcard},
		{"every group and every single subscriber receives", groupBesideOthers},
		{"the same name on other subjects is another group", groupPerSubject},
		{"those who stay receive what those who leave do not", groupLeave},
	}
}

// numbers returns "0" to "n-1".
func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	return all
}

// expectShared checks that the members together have received each of want
// once, and that each has received something.
func expectShared(f *fixture, members []*inbox, want []string) {
	f.Helper()
	awaitAll(f, members, len(want))
	var all []string
	for i, in := range members {
		got := dataOf(in.finish())
		if len(got) == 0 {
			f.Errorf("member %d received none of %d messages", i, len(want))
		}
		all = append(all, got...)
	}
	want = slices.Clone(want)
	slices.Sort(want)
	slices.Sort(all)
	if !slices.Equal(all, want) {
		f.Errorf("all members together received %d messages (%.60q…), want each of %d once", len(all), all, len(want))
	}
}

func groupExactlyOne(f *fixture) {
	from, other, third := f.open(), f.open(), f.open()
	members := []*inbox{
		from.inbox(f.subject("a"), "g"), from.inbox(f.subject("a"), "g"),
		other.inbox(f.subject("a"), "g"), third.inbox(f.subject("a"), "g"),
	}
	from.settle(other, third)
	want := numbers(1000)
	for _, s := range want {
		from.send(f.subject("a"), s)
	}
	// What would be one too many has arrived as well when this has passed.
	from.settle(other, third)
	expectShared(f, members, want)
}

// awaitAll waits until the members hold n messages or more.
func awaitAll(f *fixture, members []*inbox, n int) {
	f.Helper()
	f.eventually(fmt.Sprintf("%d messages", n), func() bool {
		sum := 0
		for _, in := range members {
			sum += len(in.got)
		}
		return sum >= n
	})
}

func groupWildcard(f *fixture) {
	c := f.open()
	members := []*inbox{c.inbox(f.subject("a.*"), "g"), c.inbox(f.subject("a.*"), "g"), c.inbox(f.subject("a.*"), "g")}
	want := numbers(300)
	for i, s := range want {
		c.send(f.subject(fmt.Sprintf("a.%d", i%7)), s)
	}
	c.flush()
	expectShared(f, members, want)
}

func groupBesideOthers(f *fixture) {
	c := f.open()
	g := []*inbox{c.inbox(f.subject("a"), "g"), c.inbox(f.subject("a"), "g")}
	h := []*inbox{c.inbox(f.subject("a"), "h"), c.inbox(f.subject("a"), "h")}
	single := []*inbox{c.inbox(f.subject("a"), "")}
	wild := []*inbox{c.inbox(f.subject(">"), "")}
	want := numbers(200)
	for _, s := range want {
		c.send(f.subject("a"), s)
	}
	c.flush()
	for _, members := range [][]*inbox{g, h, single, wild} {
		expectShared(f, members, want)
	}
}

func groupPerSubject(f *fixture) {
	c := f.open()
	a := []*inbox{c.inbox(f.subject("a"), "g")}
	b := []*inbox{c.inbox(f.subject("b"), "g")}
	want := numbers(50)
	for _, s := range want {
		c.send(f.subject("a"), s)
		c.send(f.subject("b"), s)
	}
	c.flush()
	expectShared(f, a, want)
	expectShared(f, b, want)
}

func groupLeave(f *fixture) {
	c := f.open()
	stays := c.inbox(f.subject("a"), "g")
	drains, closes := c.inbox(f.subject("a"), "g"), c.inbox(f.subject("a"), "g")
	before := numbers(300)
	for _, s := range before {
		c.send(f.subject("a"), s)
	}
	c.flush()
	// Both have everything in hand before one of them drops what it has.
	awaitAll(f, []*inbox{stays, drains, closes}, len(before))
	early := append(drains.finish(), f.drainInbox(stays)...)
	if err := closes.sub.Close(); err != nil {
		f.Fatalf("Close() = %v, want nil", err)
	}
	early = append(early, f.drainInbox(closes)...)
	if len(early) != len(before) {
		f.Errorf("three members received %d messages, want %d", len(early), len(before))
	}
	c.flush()
	after := numbers(100)
	for _, s := range after {
		c.send(f.subject("a"), s)
	}
	c.flush()
	expectShared(f, []*inbox{stays}, after)
	if n := len(drains.got) + len(closes.got); n > 0 {
		f.Errorf("members that had left received %d messages", n)
	}
}

// drainInbox takes what lies in an inbox without ending it.
func (f *fixture) drainInbox(in *inbox) []transport.Message {
	var all []transport.Message
	for {
		select {
		case m := <-in.got:
			all = append(all, m)
		default:
			return all
		}
	}
}
