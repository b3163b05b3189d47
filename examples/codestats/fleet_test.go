package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/actor"
)

// fleetOnServer starts a server and n workers on it, and a node that calls
// them.
func fleetOnServer(t *testing.T, n int) (*fleet, *actor.Node) {
	t.Helper()
	srv, address, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shutdown(context.Background(), srv); err != nil {
			t.Errorf("Shutdown() = %v", err)
		}
	})
	f, err := startFleet(t.Context(), address, n, logs{stderr: t.Output(), verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.stop)
	conn, err := srv.Connect()
	if err != nil {
		t.Fatal(err)
	}
	node, err := actor.Start(t.Context(), conn, actor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return f, node
}

// TestLosingTheRoot kills the worker that -kill spares: the one that has the
// root call.
func TestLosingTheRoot(t *testing.T) {
	t.Parallel()
	root := source(t, "go")
	want, err := sequential(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	f, node := fleetOnServer(t, 3)
	// As if there were a fifth of the files: half of those are counted early.
	p := newProgress(want.Total.Files/5, logs{stderr: t.Output(), verbose: true}.logger())
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		<-p.half
		calls, err := inHand(t.Context(), node, nil)
		if err != nil {
			t.Errorf("inHand() = %v, want calls", err)
			return
		}
		holder := calls[slices.IndexFunc(calls, isRoot)].Node
		i := slices.IndexFunc(f.processes, func(p *process) bool { return p.node == holder })
		if err := f.processes[i].kill(); err != nil {
			t.Errorf("kill() = %v", err)
		}
	}()
	o, err := f.count(t.Context(), node, root, p, false)
	<-killed
	if err != nil {
		t.Fatalf("count without the worker of the root call = %v, want nil", err)
	}
	if o.err == nil || !strings.Contains(o.err.Error(), "signal: killed") {
		t.Errorf("count without the worker of the root call complains of %v, want to hear of the worker", o.err)
	}
	if diff := cmp.Diff(want, o.part.Stats.report(root)); diff != "" {
		t.Errorf("report without the worker of the root call differs from one process (-want +got):\n%s", diff)
	}
	if w := o.part.work(); w.Again == 0 || w.Files != want.Total.Files {
		t.Errorf("work without the worker of the root call = %+v, want something again", o.part.Work)
	}
}

func TestFleetThatDoesNotStart(t *testing.T) {
	t.Parallel()
	if f, err := startFleet(t.Context(), "nats://127.0.0.1:1", 2, logs{stderr: t.Output(), verbose: true}); err == nil || !strings.Contains(err.Error(), "start worker 1: ") {
		t.Errorf("startFleet without a server = %v, %v, want to hear of worker 1", f, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := startFleet(ctx, "nats://127.0.0.1:1", 1, logs{stderr: t.Output(), verbose: true}); err == nil {
		f.stop()
		t.Error("startFleet under an ended context = nil, want an error")
	}
}
