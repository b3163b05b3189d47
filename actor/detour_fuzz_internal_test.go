package actor

import (
	"context"
	"testing"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// FuzzDetour reads what may be an answer to info. Whatever comes of it, calls
// go to subjects that name one node.
func FuzzDetour(f *testing.F) {
	for _, s := range []string{
		`{"node":"n1","state":"running","tasks":[{"name":"echo"}]}`,
		`{"node":"all","state":"running","tasks":[{"name":"echo"},{"name":""},null]}`,
		`{"node":"n1.task.x","state":"running","tasks":[{}]}`,
		`{"Node":"*","STATE":"running","tasks":[{"name":"\u0000"}]}`,
		`[]`, `null`, ``,
	} {
		f.Add([]byte(s))
	}
	conn, err := loopback.New().Connect()
	if err != nil {
		f.Fatal(err)
	}
	n, err := Start(context.Background(), conn, Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	f.Fuzz(func(t *testing.T, body []byte) {
		d := &detour{t: n.calls, silent: "n9", open: routes{}, next: routes{}}
		d.answered(wire.FrameResult, &transport.Message{Data: body})
		for _, nodes := range d.open {
			for _, node := range nodes {
				subject := wire.NodeTaskSubject("default", node, "echo")
				if err := transport.CheckSubject(subject, false); err != nil || node == wire.AllNodes || node == d.silent {
					t.Errorf("answered(%q) sends calls to %q (%v)", body, subject, err)
				}
				if _, task, ok := wire.ParseNodeSubject(subject); task != "echo" || !ok {
					t.Errorf("answered(%q) sends calls to %q, which a node reads as %q", body, subject, task)
				}
			}
		}
	})
}
