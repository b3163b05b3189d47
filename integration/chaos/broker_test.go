package chaos

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/atasks-io/atasks/embedded"
)

// broker carries the messages of a rig.
type broker interface {
	url() string                      // where clients connect
	halt(signal syscall.Signal) error // ends it with SIGTERM, in good order, or with SIGKILL
	again() error                     // starts it in the same place, and returns when it takes connections
	close() error
}

// fabric is a kind of broker, and what may be expected with it.
type fabric struct {
	start    func(*rig) (broker, error)
	refusals func(*rig, time.Duration) []span // see natsRefusals

	back  time.Duration // the figure of F11
	sends time.Duration // how soon a refusal is back, of F6
	slow  int           // how many times fewer messages it carries than NATS
	floor float64       // calls a second that end well in a run whose broker restarts

	// settling is how long it may take, after a fault of this kind, until all
	// nodes know that their connection is gone. What they send until then may be
	// lost.
	settling func(kind string) time.Duration

	patience time.Duration    // of callers, to outlast a restart; 0 for the default
	signals  []syscall.Signal // that end it, in this order
}

// onNATS is a server in a process of its own. One that is stopped gives its
// clients 200 ms to leave.
func onNATS(b brokerRole) fabric {
	start := func(r *rig) (broker, error) {
		if b.Listen == "" {
			b.Listen = freeAddress(r.t)
		}
		p, err := launch(role{Name: everyone, Dir: r.dir, Broker: &b})
		return &natsBroker{p}, err
	}
	return fabric{
		start: start, refusals: natsRefusals, back: 5 * time.Second, sends: 50 * time.Millisecond, slow: 1, floor: 50,
		settling: briefly, signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL},
	}
}

func briefly(string) time.Duration { return 400 * time.Millisecond }

type natsBroker struct{ *process }

func (b *natsBroker) url() string { return "nats://" + b.role.Broker.Listen }

func (b *natsBroker) halt(signal syscall.Signal) error {
	if signal == syscall.SIGKILL {
		return b.kill()
	}
	if err := b.cmd.Process.Signal(signal); err != nil {
		return err
	}
	return b.wait()
}

func (b *natsBroker) again() error {
	p, err := launch(b.role)
	if err == nil {
		b.process = p
	}
	return err
}

func (b *natsBroker) close() error {
	b.ask()
	return b.wait()
}

// brokerRole is a server in a process of its own.
type brokerRole struct {
	Listen string // with a port, so that it can be started again there

	// PingInterval is how often the server asks silent clients. Default: what
	// embedded sets. natsPings is what a NATS server does by itself, which
	// keeps a frozen worker in its queue groups for minutes.
	PingInterval time.Duration
}

const natsPings = 2 * time.Minute

func (b *brokerRole) play(ctx context.Context) error {
	srv, err := embedded.Start(embedded.Config{Listen: b.Listen, NoJetStream: true, PingInterval: b.PingInterval})
	if err != nil {
		return err
	}
	fmt.Println(ready + srv.URL())
	<-ctx.Done()
	// Clients do not leave by themselves, so this cuts them off after a moment:
	// a restart as an operator does it.
	end, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = srv.Shutdown(end) // it complains of those that were there, who are the point
	return nil
}
