package transporttest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/atasks-io/atasks/transport"
)

func headerCases() []testCase {
	return []testCase{
		{"arrive as they were sent", headersArrive},
		{"none arrive when none were sent", func(f *fixture) {
			c := f.open()
			in := c.inbox(f.subject("a"), "")
			c.send(f.subject("a"), "x")
			if m := in.next(); len(m.Header) != 0 {
				f.Errorf("header = %v, want none", m.Header)
			}
		}},
		{"of one message do not show on the next", headersDoNotStick},
		{"invalid ones are refused", headersInvalid},
	}
}

func headersArrive(f *fixture) {
	from, to := f.open(), f.open()
	in := to.inbox(f.subject("a"), "")
	from.settle(to)
	many := make(transport.Header)
	for i := range 100 {
		many[fmt.Sprintf("At-Meta-%d", i)] = []string{strings.Repeat("v", i)}
	}
	for _, tt := range []struct {
		data   string
		header transport.Header
	}{
		{"", transport.Header{"At-Error": {"busy"}}},
		{"x", transport.Header{"case": {"lower"}, "Case": {"title"}, "CASE": {"upper"}}},
		{"x", transport.Header{"Multi": {"1", "2", "2", ""}}},
		{"x", transport.Header{"Empty": {""}}},
		{"x", transport.Header{"traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}},
		{"x", transport.Header{"Text": {`ünïcode ☃, "quoted": with spaces; = and 100%`}}},
		{"x", transport.Header{"At-Meta-k_1.x~!#$%&'*+^`|": {"v"}}},
		{"x", transport.Header{"Long": {strings.Repeat("v", 16<<10)}}},
		{strings.Repeat("d", 100_000), many},
	} {
		m := transport.Message{Subject: f.subject("a"), Reply: f.subject("r"), Header: tt.header, Data: []byte(tt.data)}
		from.publish(&m)
		if got := in.next(); show(got) != show(m) {
			f.Errorf("received %s, want %s", show(got), show(m))
		}
	}
}

func headersDoNotStick(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	for i := range 50 {
		m := transport.Message{Subject: f.subject("a"), Data: []byte("x")}
		if i%2 == 0 {
			m.Header = transport.Header{fmt.Sprintf("K%d", i): {"v"}}
		}
		c.publish(&m)
		if got := in.next(); show(got) != show(m) {
			f.Fatalf("message %d received as %s, want %s", i, show(got), show(m))
		}
	}
}

func headersInvalid(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	for _, h := range []transport.Header{
		{"": {"v"}},
		{"a:b": {"v"}},
		{"a b": {"v"}},
		{"a\r\nb": {"v"}},
		{"a\x00": {"v"}},
		{"é": {"v"}},
		{"k": {"a\r\nb"}},
		{"k": {"a\nb"}},
		{"k": {" a"}},
		{"k": {"a "}},
		{"k": {"a\x00b"}},
		{"k": {"\xff"}},
		{"ok": {"v"}, "not ok": {"v"}},
	} {
		err := c.Publish(f.ctx, &transport.Message{Subject: f.subject("a"), Header: h, Data: []byte("bad")})
		if !errors.Is(err, transport.ErrHeader) {
			f.Errorf("Publish(header %q) = %v, want ErrHeader", h, err)
		}
	}
	c.send(f.subject("a"), "good")
	in.expect("good")
}
