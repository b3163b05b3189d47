package loopback_test

import (
	"testing"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
	"github.com/atasks-io/atasks/transport/transporttest"
)

// harness is one broker.
type harness struct{ broker *loopback.Broker }

func openHarness(tb testing.TB) transporttest.Harness {
	tb.Helper()
	b := loopback.New()
	tb.Cleanup(func() { b.Close() })
	return harness{b}
}

func (h harness) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	c, err := h.broker.Connect()
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	return c
}

func TestConformance(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, openHarness)
}

func TestStoreConformance(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, openHarness)
}

func TestSchedulerConformance(t *testing.T) {
	t.Parallel()
	transporttest.RunScheduler(t, openHarness)
}

func BenchmarkConformance(b *testing.B) { transporttest.Bench(b, openHarness) }
