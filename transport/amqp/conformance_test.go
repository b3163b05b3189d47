package amqp_test

import (
	"testing"

	"github.com/atasks-io/atasks/transport/transporttest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, openProxied)
}

func BenchmarkBroker(b *testing.B) { transporttest.Bench(b, openProxied) }
