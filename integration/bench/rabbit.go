package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/rabbittest"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// rabbitKinds are measured over RabbitMQ.
func rabbitKinds() []string { return []string{kindRabbitHand, kindRabbit} }

// rabbitSections are measured on a private node of RabbitMQ.
func rabbitSections() []section {
	var list []section
	for _, inFlight := range []int{1, 64, 256} {
		list = append(list, section{
			name:  fmt.Sprintf("amqp/1w/%d/100B", inFlight),
			extra: inFlight > 64,
			measure: func(ctx context.Context, b *bench, name string) error {
				return b.overRabbit(ctx, name, job{Op: "echo", Size: 100, InFlight: inFlight})
			},
		})
	}
	return list
}

// overRabbit measures one line. The node is started for the first one.
func (b *bench) overRabbit(ctx context.Context, name string, j job) error {
	if b.rabbit == nil {
		b.dismiss()
		var err error
		if b.rabbit, err = rabbittest.Launch(ctx); err != nil {
			return err
		}
	}
	return b.withOn(ctx, b.rabbit.URL(), name, 1, rabbitKinds(), func(f *fleet) error {
		s, err := b.alternate(ctx, f.contenders(j, f.kinds...))
		if err != nil {
			return err
		}
		t := b.report.table("Over RabbitMQ", "section", "kind", "ops/s", "p50 µs", "p99 µs", "CPU µs", "allocs", "other CPU",
			"ops to amqp-hand", "p50 to amqp-hand", "CPU to amqp-hand")
		for _, kind := range f.kinds {
			row := []string{name, kind}
			for _, m := range []metric{throughput, middle, tail, cpu, mallocs, others} {
				row = append(row, number(s.of(kind, m).Median))
			}
			for _, m := range []metric{throughput, middle, cpu} {
				row = append(row, s.ratio(kind, kindRabbitHand, m).cell())
			}
			t.add(row...)
		}
		b.report.samples[name] = s
		b.progress("    %s to %s: ops %v, p50 %v, CPU %v", kindRabbit, kindRabbitHand,
			s.ratio(kindRabbit, kindRabbitHand, throughput), s.ratio(kindRabbit, kindRabbitHand, middle), s.ratio(kindRabbit, kindRabbitHand, cpu))
		return nil
	})
}

// isRabbit says whether an address is one of RabbitMQ.
func isRabbit(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "amqp"
}

// connectNode connects a node's process to its broker.
func connectNode(ctx context.Context, kind, address string) (transport.Conn, error) {
	if isRabbit(address) {
		return atamqp.Connect(ctx, address, atamqp.Name(kind))
	}
	return atnats.Connect(ctx, address, atnats.Name(kind))
}

// rabbitHand is what one would write for requests over RabbitMQ: direct
// reply-to, a correlation ID for each request, a channel for either direction.
// Workers acknowledge, so that a request outlives the worker that has it.
type rabbitHand struct {
	conn    *amqp.Connection
	ch      *amqp.Channel
	last    atomic.Uint64
	mu      sync.Mutex // guards waiting
	waiting map[string]chan amqp.Delivery
}

const (
	rabbitQueue = "bench-echo"
	directReply = "amq.rabbitmq.reply-to"

	// prefetch is that of transport/amqp.
	prefetch = 1024
)

func connectRabbitHand(address string) (*rabbitHand, error) {
	conn, err := amqp.Dial(address)
	if err != nil {
		return nil, err
	}
	h := &rabbitHand{conn: conn, waiting: make(map[string]chan amqp.Delivery)}
	if h.ch, err = conn.Channel(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return h, nil
}

func (h *rabbitHand) close() error { return h.conn.Close() }

// call makes the caller's side ready.
func (h *rabbitHand) call() error {
	answers, err := h.ch.Consume(directReply, "", true, false, false, false, nil)
	if err != nil {
		return err
	}
	go func() { // ends with the connection
		for d := range answers {
			h.mu.Lock()
			c := h.waiting[d.CorrelationId]
			delete(h.waiting, d.CorrelationId)
			h.mu.Unlock()
			if c != nil {
				c <- d
			}
		}
	}()
	return nil
}

// serve answers, each request on a goroutine of its own.
func (h *rabbitHand) serve() error {
	if _, err := h.ch.QueueDeclare(rabbitQueue, false, true, false, false, nil); err != nil {
		return err
	}
	if err := h.ch.Qos(prefetch, 0, false); err != nil {
		return err
	}
	requests, err := h.ch.Consume(rabbitQueue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	go func() { // ends with the connection
		for d := range requests {
			go h.respond(d)
		}
	}()
	return nil
}

func (h *rabbitHand) respond(d amqp.Delivery) {
	var in Payload
	answer := amqp.Publishing{CorrelationId: d.CorrelationId}
	err := codec.Msgpack.Unmarshal(d.Body, &in)
	if err == nil {
		out := echo(in)
		answer.Body, err = codec.Msgpack.Marshal(&out)
	}
	if err != nil {
		answer.Headers = amqp.Table{failed: err.Error()}
	}
	// Nobody is left to tell when these fail.
	_ = h.ch.PublishWithContext(context.Background(), "", d.ReplyTo, false, false, answer)
	_ = d.Ack(false)
}

func (h *rabbitHand) context(ctx context.Context) context.Context { return ctx }

func (h *rabbitHand) echo(ctx context.Context, p *Payload) (out Payload, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := codec.Msgpack.Marshal(p)
	if err != nil {
		return out, err
	}
	id := strconv.FormatUint(h.last.Add(1), 10)
	answered := make(chan amqp.Delivery, 1)
	h.mu.Lock()
	h.waiting[id] = answered
	h.mu.Unlock()
	err = h.ch.PublishWithContext(ctx, "", rabbitQueue, false, false, amqp.Publishing{CorrelationId: id, ReplyTo: directReply, Body: body})
	if err != nil {
		return out, err
	}
	select {
	case d := <-answered:
		if text, ok := d.Headers[failed].(string); ok {
			return out, errors.New(text)
		}
		return out, codec.Msgpack.Unmarshal(d.Body, &out)
	case <-ctx.Done():
		h.mu.Lock()
		delete(h.waiting, id)
		h.mu.Unlock()
		return out, context.Cause(ctx)
	}
}

// errEchoOnly is what else the client by hand says.
var errEchoOnly = errors.New("over RabbitMQ only echoes are measured")

func (h *rabbitHand) fib(context.Context, int) (int, error)     { return 0, errEchoOnly }
func (h *rabbitHand) fan(context.Context, []int) ([]int, error) { return nil, errEchoOnly }
