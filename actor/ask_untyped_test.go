package actor_test

import (
	"errors"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestUntypedAsk: a message in bytes does what a typed one does, here and from
// afar, in the codec of the node that asks.
func TestUntypedAsk(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		host := hosts(t, b, 2, actor.Config{})[0]
		asking := start(t, b, actor.Config{Codec: codec.JSON})
		if got, err := asking.Ask(t.Context(), "account", "k", "add", []byte("5")); string(got) != "5" || err != nil {
			t.Errorf("Ask() = %q, %v, want 5", got, err)
		}
		if err := asking.Tell(t.Context(), "account", "k", "add", []byte("2")); err != nil {
			t.Errorf("Tell() = %v", err)
		}
		five, err := codec.Msgpack.Marshal(5)
		if err != nil {
			t.Fatal(err)
		}
		got, err := host.Ask(t.Context(), "account", "k", "add", five)
		var n int
		if err != nil || codec.Msgpack.Unmarshal(got, &n) != nil || n != 12 {
			t.Errorf("Ask() on the host = %x, %v, want 12", got, err)
		}
		for _, c := range []struct {
			kind, key, method string
			want              error
		}{
			{"a b", "k", "add", actor.ErrBadName},
			{"account", "k", "", actor.ErrBadName},
			{"account", "", "add", actor.ErrBadName},
			{"account", "k", "nosuch", actor.ErrBadInput},
			{"nobody", "k", "add", actor.ErrNoWorker},
		} {
			if _, err := asking.Ask(t.Context(), c.kind, c.key, c.method, nil); !errors.Is(err, c.want) {
				t.Errorf("Ask(%q, %q, %q) = %v, want %v", c.kind, c.key, c.method, err, c.want)
			}
		}
	})
}
