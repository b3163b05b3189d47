package chaos

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/internal/rabbittest"
)

// TestOnRabbit is the short form of each promise over RabbitMQ, with the same
// checkers. They run one after the other, and beside no other test of the
// package: all share one node, which feels each stall of the machine.
func TestOnRabbit(t *testing.T) {
	on := onRabbit(rabbittest.Start(t))
	s := short
	s.restarts, s.outages, s.overload, s.spinning, s.rounds = 4, 1, 3*time.Second, 3*time.Second, 3
	for _, scenario := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"F1 deadlines", func(t *testing.T) { deadlineHolds(t, on) }},
		{"F2 no worker", func(t *testing.T) { noWorker(t, on, nil) }},
		{"F3 killed", func(t *testing.T) { killedWithMailbox(t, on, nil) }},
		{"F3 killed early", func(t *testing.T) { killedEarly(t, on, s, nil) }},
		{"F3 frozen", func(t *testing.T) { frozenWorker(t, on, nil) }},
		{"F3 cut off", func(t *testing.T) { cutOffWorker(t, on, nil) }},
		{"F3 silent", func(t *testing.T) { silentWorker(t, on, nil) }},
		{"F3 spinning", func(t *testing.T) { spinning(t, on, s, nil) }},
		{"F4 no call starts twice", func(t *testing.T) { startsOnce(t, on) }},
		{"F5 one of four frozen", func(t *testing.T) { oneOfFourFrozen(t, on, s, nil) }},
		{"F6 overload", func(t *testing.T) { overload(t, on, s, nil) }},
		{"F7 cancel", func(t *testing.T) { cancelReaches(t, on, nil) }},
		{"F8 one call harms no other", func(t *testing.T) { harmsNoOther(t, newRig(t, on).broker.url()) }},
		{"F9 one slot", func(t *testing.T) { oneSlot(t, on, nil) }},
		{"F10 rolling restarts", func(t *testing.T) { rollingRestarts(t, on, s, nil) }},
		{"F11 broker restarts", func(t *testing.T) { outages(t, on, s, nil) }},
	} {
		t.Run(scenario.name, scenario.run)
	}
}

// onRabbit is a node of RabbitMQ that rigs share, with an exchange for each. One
// that is stopped takes its time until it closes the connections.
func onRabbit(n *rabbittest.Node) fabric {
	start := func(r *rig) (broker, error) {
		j, err := openJournal(r.dir, everyone)
		if err != nil {
			return nil, err
		}
		b := &rabbitBroker{node: n, exchange: "rig" + strconv.FormatUint(uint64(rand.Uint32()), 36), journal: j}
		b.unwatch = j.watchOther(n.PID())
		return b, nil
	}
	return fabric{
		start: start, refusals: rabbitRefusals,
		back: 10 * time.Second, sends: 200 * time.Millisecond, slow: 5, floor: 20, patience: time.Minute,
		signals: []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM},
		settling: func(kind string) time.Duration {
			if kind == faultBrokerRestart {
				return 5 * time.Second
			}
			return briefly(kind)
		},
	}
}

type rabbitBroker struct {
	node     *rabbittest.Node
	exchange string
	journal  *journal // which we keep for it
	unwatch  func()
}

// url has the exchange for a fragment: see connectTo.
func (b *rabbitBroker) url() string { return b.node.URL() + "#" + b.exchange }

func (b *rabbitBroker) halt(signal syscall.Signal) error {
	b.unwatch()
	if signal == syscall.SIGKILL {
		b.node.Kill()
	} else {
		b.node.Halt()
	}
	return nil
}

func (b *rabbitBroker) again() error {
	err := b.node.Start(context.Background())
	b.unwatch = b.journal.watchOther(b.node.PID())
	return err
}

// close leaves the node to those who use it next.
func (b *rabbitBroker) close() error {
	b.unwatch()
	return b.journal.file.Close()
}

// rabbitRefusals is natsRefusals with what every client of RabbitMQ has.
func rabbitRefusals(r *rig, d time.Duration) (refused []span) {
	t := r.t
	t.Helper()
	server, exchange, _ := strings.Cut(r.broker.url(), "#")
	conn, err := amqp.Dial(server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	const replyTo = "amq.rabbitmq.reply-to"
	answers, err := ch.Consume(replyTo, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]int64)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(d)
	for number := uint64(200<<callerShift + 1); ; { // above those of the callers
		select {
		case <-over:
			return refused
		case m := <-answers:
			if m.Headers["At-Error"] == "busy" {
				refused = append(refused, span{asked[m.CorrelationId], r.now()})
			}
		case <-tick.C:
			body, err := json.Marshal(job{Call: number, Work: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			id := strconv.FormatUint(number, 10)
			asked[id] = r.now()
			number++
			if err := ch.PublishWithContext(t.Context(), exchange, "at.default.task.once", true, false, amqp.Publishing{
				ContentType: "application/json", CorrelationId: id, ReplyTo: replyTo, Body: body,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
