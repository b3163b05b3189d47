package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded"
)

// maxResult bounds the result of a call, in bytes: that of the root holds
// every package, some 150 bytes each.
const maxResult = 32 << 20

// outcome is what a distributed run comes to.
type outcome struct {
	part    Part
	took    time.Duration // from the root call to its result
	workers []*process
	fault   fault // without a victim unless one was asked for
	err     error // what went wrong although the result is there
}

// distributed counts the tree at root, which holds that many files, on worker
// processes. This process starts them, with a server between them unless one is
// given, and awaits one call.
func distributed(ctx context.Context, root string, files int, o options, s *screen) (result outcome, err error) {
	l := logs{s, o.verbose}
	address := o.server
	if address == "" {
		var srv *embedded.Server
		if srv, address, err = startServer(); err != nil {
			return outcome{}, err
		}
		defer func() { err = errors.Join(err, shutdown(ctx, srv)) }()
	}
	f, err := startFleet(ctx, address, o.workers, l)
	if err != nil {
		return outcome{}, err
	}
	defer f.stop()
	conn, err := connect(ctx, address, "codestats")
	if err != nil {
		return outcome{}, err
	}
	node, err := actor.Start(ctx, conn, actor.Config{Logger: l.logger()})
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	p := newProgress(files, l.logger())
	s.show(p.line)
	defer s.show(nil)
	return f.count(ctx, node, root, p, o.kill)
}

// startServer starts a server for this program alone, and returns the URL for
// its workers. Other users of the machine find the port, and no password.
func startServer() (srv *embedded.Server, address string, err error) {
	auth := embedded.Auth{User: "codestats", Password: rand.Text()}
	srv, err = embedded.Start(embedded.Config{Listen: "127.0.0.1:0", Auth: auth, NoJetStream: true, MaxPayload: maxResult})
	if err != nil {
		return nil, "", err
	}
	_, host, _ := strings.Cut(srv.URL(), "://")
	at := url.URL{Scheme: "nats", User: url.UserPassword(auth.User, auth.Password), Host: host}
	return srv, at.String(), nil
}

func shutdown(ctx context.Context, srv *embedded.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	return srv.Shutdown(ctx)
}

// count makes the root call and, if so asked, kills a worker half way. What
// went wrong with the workers is in the outcome when there is a result.
func (f *fleet) count(ctx context.Context, node *actor.Node, root string, p *progress, kill bool) (outcome, error) {
	o := outcome{workers: f.processes}
	call := CountTree.Start(node.Context(ctx), Directory{Root: Text(root), Dir: "."}, atask.OnProgress(p.report))
	if kill {
		o.fault, o.err = f.strike(ctx, node, p, call.Done())
	}
	var err error
	o.part, err = call.Await(ctx)
	o.took = time.Since(p.begun)
	switch {
	case ctx.Err() != nil:
		return outcome{}, context.Cause(ctx)
	case err != nil:
		return outcome{}, errors.Join(fmt.Errorf("count %q: %w", root, plain(err)), f.failures(o.fault.victim))
	case kill && o.err == nil:
		o.err = o.fault.check(o.part.work().Again)
	}
	o.err = errors.Join(o.err, f.failures(o.fault.victim))
	return o, nil
}
