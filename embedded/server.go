package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// routeWait bounds how long Start waits for the listener of the cluster's
// other members, which the server opens in the background.
const routeWait = 10 * time.Second

// Server is a NATS server inside this process. All its methods may be called
// from any goroutine. Whoever started it must call Shutdown.
type Server struct {
	setup      *setup
	ns         *server.Server
	store      *store // nil without JetStream
	own        map[string]login
	url        string
	clusterURL string

	stopping atomic.Bool // from the first Shutdown on: no new connections
	announce sync.Once
	newest   uint64 // the last connection before that; written by announce
	stop     sync.Once
	stopped  chan struct{} // closed when the server has stopped
	outcome  error         // of Shutdown; written before stopped is closed
}

// Start starts a server as cfg describes it, and returns when clients can
// connect. It fails, with everything that is wrong, when cfg does not make
// sense, when an address or the directory is in use, or when the directory
// cannot be written; then nothing of the server is left.
//
// A member of a cluster does not wait for the others; see Ready.
func Start(cfg Config) (*Server, error) {
	set, err := check(cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded: start server: %w", err)
	}
	s := &Server{setup: set, stopped: make(chan struct{})}
	if !set.NoJetStream {
		if s.store, err = openStore(set.Dir); err != nil {
			return nil, fmt.Errorf("embedded: start server: %w", err)
		}
	}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("embedded: start server: %w", errors.Join(err, s.release()))
	}
	return s, nil
}

// start starts the server on a store that is open. When it fails, the server
// has stopped and the store is still open.
func (s *Server) start() error {
	opts, own, err := s.setup.options(s.store)
	if err != nil {
		return err
	}
	if s.ns, err = server.NewServer(opts); err != nil {
		return err
	}
	log := newServerLog(s.setup.Logger, s.setup.Name, s.setup.secrets())
	s.ns.SetLoggerV2(log, log.debug(), false, false)
	s.ns.Start()
	if s.setup.members != nil {
		ctx, cancel := context.WithTimeout(context.Background(), routeWait)
		defer cancel()
		_ = poll(ctx, func() bool { return s.ns.ClusterAddr() != nil || log.failure() != "" })
	}
	s.own = own
	if s.store != nil && !s.store.kept && len(s.setup.Namespaces) == 0 {
		s.forbidFiles()
	}
	if failure := s.listening(log); failure != nil {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
		return failure
	}
	return nil
}

// forbidFiles says also in the limits of the one account, which clients can ask
// for, that nothing is kept on disk: a cluster does not look at what its servers
// have when it makes a stream. Accounts of namespaces say so already.
func (s *Server) forbidFiles() {
	all := server.JetStreamAccountLimits{
		MaxMemory: -1, MaxStore: 0, MaxStreams: -1, MaxConsumers: -1,
		MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
	}
	limits := map[string]server.JetStreamAccountLimits{"": all}
	account := s.ns.GlobalAccount()
	// Whatever fails here has failed for JetStream as a whole, which is in the log.
	if account.UpdateJetStreamLimits(limits) != nil && account.DisableJetStream() == nil {
		// A server that is alone takes the step from no limit to 0 for a claim
		// on one byte, which it has not got. Nothing is stored yet.
		_ = account.EnableJetStream(limits, nil)
	}
}

// listening notes the addresses that the server got, or says why it got none.
func (s *Server) listening(log *serverLog) error {
	if text := log.failure(); text != "" {
		if strings.Contains(text, "address already in use") || strings.Contains(text, "Only one usage of each socket address") {
			text += ": choose another port, or 0 for any free one"
		}
		return errors.New(text)
	}
	if a := s.setup.clients; a != nil {
		got, ok := s.ns.Addr().(*net.TCPAddr)
		if !ok {
			return fmt.Errorf("Config.Listen %q: no listener", s.setup.Listen)
		}
		scheme := "nats"
		if s.setup.TLS != nil {
			scheme = "tls"
		}
		s.url = a.reach(scheme, got.Port)
	}
	if a := s.setup.members; a != nil {
		got := s.ns.ClusterAddr()
		if got == nil {
			return fmt.Errorf("Config.Cluster.Listen %q: no listener after %v", s.setup.Cluster.Listen, routeWait)
		}
		s.clusterURL = a.reach("nats", got.Port)
	}
	return nil
}

// URL returns where programs on this machine reach the server, such as
// "nats://127.0.0.1:4222", without credentials; "" when Config.Listen is
// empty. It stays the same after Shutdown.
func (s *Server) URL() string { return s.url }

// ClusterURL returns where members on this machine reach the server, for their
// Config.Cluster.Routes, without credentials; "" when the server is no member
// of a cluster. It stays the same after Shutdown.
func (s *Server) ClusterURL() string { return s.clusterURL }

// release gives back what the server had on disk.
func (s *Server) release() error {
	if s.store == nil {
		return nil
	}
	return s.store.close()
}
