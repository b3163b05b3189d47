package embedded

import (
	"sync/atomic"
	"testing"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
	"github.com/atasks-io/atasks/transport/transporttest"
)

// fabric opens connections to what is under test.
type fabric func(tb testing.TB) (transport.Conn, error)

// Open implements transporttest.Harness.
func (f fabric) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	c, err := f(tb)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	return c
}

func TestConformanceInProcess(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := run(tb, Config{})
		return fabric(func(testing.TB) (transport.Conn, error) { return s.Connect() })
	})
}

func TestConformanceListener(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := run(tb, Config{Listen: "127.0.0.1:0", Namespaces: []Namespace{{Name: "a", Password: "p"}, {Name: "b"}}})
		return fabric(func(tb testing.TB) (transport.Conn, error) {
			tb.Helper()
			return atnats.Connect(within(tb), s.URL(), atnats.UserPassword("a", "p"))
		})
	})
}

// Each connection is to another member than the one before.
func TestConformanceCluster(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		all := runCluster(tb, 3, func(int, *Config) {})
		var next atomic.Int32
		return fabric(func(tb testing.TB) (transport.Conn, error) {
			tb.Helper()
			n := int(next.Add(1))
			if s := all[n%3]; n%2 == 0 {
				return s.Connect()
			}
			return atnats.Connect(within(tb), all[n%3].URL())
		})
	})
}
