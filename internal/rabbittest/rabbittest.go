package rabbittest

import (
	"context"
	"os"
	"sync"
	"testing"
)

// urlVariable names a broker to test with where none can be started.
const urlVariable = "ATASKS_AMQP_URL"

// Start starts a node for the rest of a test, or fails the test.
func Start(tb testing.TB) *Node {
	tb.Helper()
	n, err := Launch(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.Stop)
	return n
}

// Shared is a broker that the tests of a package share: a node that the first
// one starts or, where ATASKS_AMQP_URL names one, that. The zero value is ready.
// TestMain has to call Stop.
type Shared struct {
	once sync.Once
	node *Node
	err  error
}

// Node returns the node, or nil when the broker is not ours.
func (s *Shared) Node(tb testing.TB) *Node {
	tb.Helper()
	s.once.Do(func() {
		if os.Getenv(urlVariable) == "" {
			s.node, s.err = Launch(context.Background())
		}
	})
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.node
}

// URL returns the broker's address, with credentials.
func (s *Shared) URL(tb testing.TB) string {
	tb.Helper()
	if n := s.Node(tb); n != nil {
		return n.URL()
	}
	return os.Getenv(urlVariable)
}

// Stop ends the node, if there is one. Tests that come later fail.
func (s *Shared) Stop() {
	s.once.Do(func() {})
	if s.node != nil {
		s.node.Stop()
	}
}
