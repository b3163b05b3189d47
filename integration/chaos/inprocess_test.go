package chaos

import (
	"context"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/embedded"
)

// startServer starts a server within this process, with a listener.
func startServer(t *testing.T) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0", NoJetStream: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopServer(t, srv) })
	return srv
}

func stopServer(t *testing.T, srv *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
}

// startHere starts a node within this process.
func startHere(t *testing.T, url string, cfg actor.Config, servables ...actor.Servable) *actor.Node {
	t.Helper()
	node, err := startNode(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() }) // who cares how it ends has closed it before
	if err := node.Serve(servables...); err != nil {
		t.Fatal(err)
	}
	return node
}
