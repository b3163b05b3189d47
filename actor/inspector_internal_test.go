package actor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// TestVerbsForAll: all nodes answer the verbs that are for all, and no other.
func TestVerbsForAll(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		r.node(Config{})
		n := r.node(Config{})
		for verb, want := range map[string]int{
			wire.VerbInfo: 2, wire.VerbPs: 2,
			wire.VerbStack: 0, wire.VerbDrain: 0, wire.VerbCancel: 0, wire.VerbAwaits: 0,
		} {
			answers, err := scatter[map[string]any](t.Context(), n.Node, verb, time.Second)
			if len(answers) != want || err != nil {
				t.Errorf("scatter(%q) = %d answers, %v, want %d", verb, len(answers), err, want)
			}
		}
	})
}

// TestInspectorDropsAFlood: questions take one goroutine and a bounded queue,
// and what is beyond it is counted.
func TestInspectorDropsAFlood(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n := r.node(Config{})
		asked, release := make(chan struct{}), make(chan struct{})
		n.inspector.ask(&transport.Message{}, func() any {
			close(asked)
			<-release
			return nil
		})
		<-asked
		before := n.strays.Load()
		for range inspectorSize + 7 {
			n.private(&transport.Message{Subject: wire.NodeSubject("default", n.ID(), wire.VerbInfo), Reply: "_INBOX.me"})
		}
		if got := n.strays.Load() - before; got != 7 {
			t.Errorf("questions dropped = %d, want 7", got)
		}
		close(release)
		synctest.Wait() // until there is room again
		if infos, err := n.Nodes(t.Context(), time.Second); len(infos) != 1 || err != nil {
			t.Errorf("Nodes() after the flood = %d, %v, want 1", len(infos), err)
		}
	})
}
