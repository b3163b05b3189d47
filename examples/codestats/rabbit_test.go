package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/internal/rabbittest"
)

// The same job over RabbitMQ, with a worker killed half way.
func TestRunOnRabbit(t *testing.T) {
	t.Parallel()
	var broker rabbittest.Shared
	t.Cleanup(broker.Stop)
	var out bytes.Buffer
	stderr, err := runHere(t, &out, "-check", "-kill", "-workers", "3", "-server", broker.URL(t), source(t, "go"))
	if err != nil {
		t.Fatalf("run(-check -kill) over RabbitMQ = %v, want nil; it says\n%s%s", err, stderr, out.String())
	}
	if want := "find and wc agree: "; !strings.Contains(out.String(), want) {
		t.Errorf("run(-check -kill) over RabbitMQ prints\n%s\nwant %q in it", out.String(), want)
	}
}
