package actor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// A worker says who it is, and a caller builds subjects of that. These are
// names that lead elsewhere.
func impossibleNodes() []string {
	return []string{wire.AllNodes, "", "*", ">", "n1.task.other", "n 1", "\x00", "n1\r\nPUB x 0\r\n", strings.Repeat("x", wire.MaxToken+1), strings.Repeat("x", 5000)}
}

// TestAcceptedByAnImpossibleNode: pings to "all" are answered by whoever there
// is, which would pass for signs of life, and a cancel would be told to all.
func TestAcceptedByAnImpossibleNode(t *testing.T) {
	t.Parallel()
	for _, node := range impossibleNodes() {
		virtual(t, func(t *testing.T, r *rig) {
			c := r.conn()
			defer c.Close()
			_, err := c.Subscribe(wire.TaskSubject("default", "echo"), wire.QueueGroup, func(m *transport.Message) {
				if err := c.Publish(context.Background(), &transport.Message{Subject: m.Reply + wire.SuffixAccepted, Data: []byte(node)}); err != nil {
					t.Errorf("Publish() = %v, want nil", err)
				}
			})
			if err != nil {
				t.Fatalf("Subscribe() = %v, want nil", err)
			}
			r.node(Config{}) // who answers pings to all nodes
			caller := r.node(Config{})
			o := await(Begin[string, string](caller.under(), NewTarget[string, string]("echo"), "a"), time.Now())
			checkLost(t, fmt.Sprintf("accepted by %.20q", node), o, 2*time.Second)
			if got := caller.info().Dropped; got != 1 {
				t.Errorf("accepted by %.20q: %d messages dropped, want 1", node, got)
			}
			checkTable(t, caller)
		})
	}
}

// TestDetourToAnImpossibleNode: what calls itself a node does not choose the
// subject that calls are sent to.
func TestDetourToAnImpossibleNode(t *testing.T) {
	t.Parallel()
	for _, node := range impossibleNodes() {
		virtual(t, func(t *testing.T, r *rig) {
			caller := r.node(Config{})
			d := &detour{t: caller.calls, open: routes{}, next: routes{}}
			body, err := json.Marshal(NodeInfo{Node: node, State: stateRunning, Tasks: []TaskInfo{{Name: "echo"}}})
			if err != nil {
				t.Fatal(err)
			}
			d.answered(wire.FrameResult, &transport.Message{Data: body})
			if len(d.open) > 0 || len(d.next) > 0 {
				t.Errorf("answered(%.60q) opens %v, want nothing", body, d.open)
			}
		})
	}
}
