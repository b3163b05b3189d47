package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	atnats "github.com/atasks-io/atasks/transport/nats"
)

// defaultNamespace is where Connect leads on a server with namespaces: the one
// that a node is in unless its Config says otherwise.
const defaultNamespace = "default"

// connectWait bounds how long a connection within the process may take. It
// takes a millisecond where the machine has one to spare.
const connectWait = 10 * time.Second

// Connect returns a new connection to the server that stays within the
// process: no listener, no credentials and no TLS are needed. The caller owns
// it and drains or closes it before Shutdown.
//
// On a server with namespaces it leads into the one called "default", and
// fails when there is none; see ConnectAs. It fails on a server that is
// shutting down.
func (s *Server) Connect() (*atnats.Conn, error) {
	if len(s.setup.Namespaces) == 0 {
		return s.connect("")
	}
	if _, ok := s.own[defaultNamespace]; !ok {
		return nil, fmt.Errorf("embedded: connect: of the namespaces %s none is called %q: use ConnectAs to name one", s.namespaces(), defaultNamespace)
	}
	return s.connect(defaultNamespace)
}

// ConnectAs is Connect into one of Config.Namespaces. It fails when the server
// has no such namespace. The node on the connection has an actor.Config with a
// Namespace too, which is not set from here: nodes of one account call each
// other when that is the same.
func (s *Server) ConnectAs(namespace string) (*atnats.Conn, error) {
	if len(s.setup.Namespaces) == 0 {
		return nil, fmt.Errorf("embedded: connect as %q: the server has no namespaces: use Connect, or set Config.Namespaces", namespace)
	}
	if _, ok := s.own[namespace]; !ok || namespace == "" {
		return nil, fmt.Errorf("embedded: connect as %q: the server has no such namespace, only %s", namespace, s.namespaces())
	}
	return s.connect(namespace)
}

func (s *Server) connect(namespace string) (*atnats.Conn, error) {
	if s.stopping.Load() {
		return nil, fmt.Errorf("embedded: connect: %w", errStopping)
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectWait)
	defer cancel()
	opts := []atnats.Option{atnats.InProcess(local{s}), atnats.Name(s.setup.Name)}
	if l := s.own[namespace]; l.user != "" {
		opts = append(opts, atnats.UserPassword(l.user, l.password))
	}
	if s.setup.Logger != nil {
		opts = append(opts, atnats.Logger(s.setup.Logger))
	}
	c, err := atnats.Connect(ctx, "", opts...)
	if err != nil {
		return nil, fmt.Errorf("embedded: connect: %w", err)
	}
	return c, nil
}

// namespaces lists the namespaces for an error text.
func (s *Server) namespaces() string {
	names := make([]string, len(s.setup.Namespaces))
	for i, n := range s.setup.Namespaces {
		names[i] = fmt.Sprintf("%q", n.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

var errStopping = errors.New("the server is shutting down")

// local dials the server from within the process. It is not the server itself,
// whose door must stay shut once Shutdown has begun: a client that was cut off
// then would come back for ever.
type local struct{ s *Server }

func (l local) InProcessConn() (net.Conn, error) {
	if l.s.stopping.Load() {
		return nil, errStopping
	}
	return l.s.ns.InProcessConn()
}
