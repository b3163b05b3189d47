package nats_test

import (
	"testing"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
	"github.com/atasks-io/atasks/transport/transporttest"
)

func TestConformanceTCP(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, openTCP)
}

func TestConformanceInProcess(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, openInProcess)
}

func TestConformanceBorrowed(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, openBorrowed)
}

func TestStoreConformanceTCP(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, openStores)
}

func TestStoreConformanceInProcess(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		o := storing(tb)
		o.DontListen = true
		return &inProcess{server: start(tb, o)}
	})
}

func TestStoreConformanceBorrowed(t *testing.T) {
	t.Parallel()
	transporttest.RunStore(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		h := openStores(tb).(overTCP)
		return borrowed{&h.breaker, h}
	})
}

func TestSchedulerConformance(t *testing.T) {
	t.Parallel()
	transporttest.RunScheduler(t, openStores)
}

func BenchmarkTCP(b *testing.B) { transporttest.Bench(b, openDirect) }

func BenchmarkInProcess(b *testing.B) { transporttest.Bench(b, openInProcess) }

// BenchmarkPublish compares Publish with what the client's own takes, to a
// server that drops what it gets.
func BenchmarkPublish(b *testing.B) {
	c := openDirect(b).Open(b).(*atnats.Conn)
	b.Cleanup(func() { c.Close() })
	m := transport.Message{Subject: "at.default.task.fib", Reply: "at.default.reply.any.Kd83nd93nfk3.1f83ja83hf.2s.3", Data: make([]byte, 100)}
	b.Run("conn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Publish(b.Context(), &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.NATS().PublishRequest(m.Subject, m.Reply, m.Data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
