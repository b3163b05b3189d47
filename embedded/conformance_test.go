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

// openCluster makes each connection to another member than the one before.
func openCluster(tb testing.TB) transporttest.Harness {
	tb.Helper()
	return cluster(tb, func(int, *Config) {})
}

func cluster(tb testing.TB, change func(int, *Config)) transporttest.Harness {
	tb.Helper()
	all := runCluster(tb, 3, change)
	var next atomic.Int32
	return fabric(func(tb testing.TB) (transport.Conn, error) {
		tb.Helper()
		n := int(next.Add(1))
		if s := all[n%3]; n%2 == 0 {
			return s.Connect()
		}
		return atnats.Connect(within(tb), all[n%3].URL())
	})
}

func TestConformanceCluster(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, openCluster)
}

// A server without a directory keeps records in memory.
func TestStoreConformanceMemory(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := run(tb, Config{})
		return fabric(func(testing.TB) (transport.Conn, error) { return s.Connect() })
	})
}

func TestStoreConformanceNamespace(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := run(tb, Config{Dir: tb.TempDir(), Namespaces: []Namespace{{Name: "a"}, {Name: "b"}}})
		return fabric(func(testing.TB) (transport.Conn, error) { return s.ConnectAs("a") })
	})
}

func TestStoreConformanceCluster(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, openCluster)
}

func TestStoreConformanceClusterOnDisk(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		return cluster(tb, func(_ int, c *Config) { c.Dir = tb.TempDir() })
	})
}

func TestSchedulerConformanceMemory(t *testing.T) {
	t.Parallel()
	transporttest.RunScheduler(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := run(tb, Config{})
		return fabric(func(testing.TB) (transport.Conn, error) { return s.Connect() })
	})
}

func TestSchedulerConformanceCluster(t *testing.T) {
	t.Parallel()
	transporttest.RunScheduler(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		return cluster(tb, func(_ int, c *Config) { c.Dir = tb.TempDir() })
	})
}
