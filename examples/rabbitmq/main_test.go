package main

import (
	"bytes"
	"testing"

	"github.com/atasks-io/atasks/internal/rabbittest"
	"github.com/atasks-io/atasks/transport/amqp"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var broker rabbittest.Shared
	t.Cleanup(broker.Stop)
	var out bytes.Buffer
	if err := run(t.Context(), broker.URL(t), &out, amqp.Exchange("example")); err != nil {
		t.Fatal(err)
	}
	const want = "quote: 2 lines, 18.90\nrefused: true\n"
	if out.String() != want {
		t.Errorf("run() prints %q, want %q", out.String(), want)
	}
}
