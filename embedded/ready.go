package embedded

import (
	"context"
	"errors"
	"fmt"
)

// Ready returns when the server can do all it is there for. A server without a
// cluster can from the start. A member can when it is connected to at least
// one other and, unless it has no JetStream, when JetStream has elected a
// leader, for which a majority of the members has to be there. For a moment
// longer a request to make a stream with replicas may find "no suitable peers",
// until the leader has heard how much room each member has, and one to a stream
// whose leader is just being elected may get no answer: ask again.
//
// It fails when ctx ends first, and on a server that was shut down.
func (s *Server) Ready(ctx context.Context) error {
	err := poll(ctx, func() bool { return s.stopping.Load() || s.formed() })
	switch {
	case s.stopping.Load():
		return errors.New("embedded: wait for the cluster: the server is shutting down")
	case err != nil:
		return fmt.Errorf("embedded: wait for the cluster: connected to %d other members, while Config.Cluster.Routes has %d in all: %w",
			s.ns.NumRemotes(), len(s.setup.routes), err)
	}
	return nil
}

func (s *Server) formed() bool {
	if s.setup.members == nil {
		return true
	}
	if s.ns.NumRemotes() == 0 {
		return false
	}
	if s.store == nil {
		return true
	}
	info, err := s.ns.Jsz(nil)
	return err == nil && info.Meta != nil && info.Meta.Leader != "" && s.ns.JetStreamIsCurrent()
}
