package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// Shutdown stops the server. From its first call on nobody can connect, and
// all clients are told that the server is going. It then waits for the clients
// to leave, those of this process and others, at most until ctx ends, and
// stops: clients that are still there are cut off, and the error says how many
// they were and wraps the cause of ctx. When ctx has ended already it stops at
// once. Stopping hands over what JetStream leads in a cluster and takes some
// milliseconds more.
//
// Clients do not leave by themselves: the owners of this process's connections
// close them first, and for clients of other processes ctx should have a
// deadline. While it waits, the server serves those that are there in full.
//
// When Shutdown has returned, no goroutine of the server is left, Config.Dir
// may be used by another and a temporary directory is gone. It is idempotent;
// of several calls at once each waits at most until its ctx ends, the first
// whose wait is over stops the server, and all return the same error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.announce.Do(s.say)
	cut := poll(ctx, func() bool {
		select {
		case <-s.stopped:
			return true
		default:
			return s.left()
		}
	})
	s.stop.Do(func() {
		var err error
		if n := s.ns.NumClients(); cut != nil && n > 0 {
			err = fmt.Errorf("embedded: shut down with clients still connected (%d): %w", n, cut)
		}
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
		if failed := s.release(); failed != nil {
			err = errors.Join(err, fmt.Errorf("embedded: shut down: %w", failed))
		}
		s.outcome = err
		close(s.stopped)
	})
	return s.outcome
}

// say shuts the door and tells those inside. The server's own lame duck mode
// would stop JetStream before the clients are told, while a node that drains
// still has state to save; and without a listener it would do nothing at all.
func (s *Server) say() {
	s.stopping.Store(true)
	for _, c := range s.clients() {
		s.newest = max(s.newest, c.Cid)
		// One that cannot be told has not logged in yet, or has left.
		_ = s.ns.LDMClientByID(c.Cid)
	}
}

// left says whether all clients have left. Who came after the server had said
// that it is going is sent away; what it is told is that the connection ended,
// not that it may not log in, which some clients take for final.
func (s *Server) left() bool {
	if s.ns.NumClients() == 0 {
		return true
	}
	for _, c := range s.clients() {
		if c.Cid > s.newest {
			_ = s.ns.DisconnectClientByID(c.Cid) // fails when it has left by itself
		}
	}
	return false
}

// clients lists who is connected.
func (s *Server) clients() []*server.ConnInfo {
	// A few more than there are: some may come while we ask.
	conns, err := s.ns.Connz(&server.ConnzOptions{Limit: s.ns.NumClients() + 128})
	if err != nil {
		return nil
	}
	return conns.Conns
}
