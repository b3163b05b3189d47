package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/atasks-io/atasks/codec"
)

// callTimeout is the deadline of every call, of whatever kind.
const callTimeout = 10 * time.Second

// hand is what one would write for a few kinds of requests and a connection:
// one side of it calls, the other one answers.
type hand struct {
	nc        *nats.Conn
	subject   string // begins those of all requests
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}

func connectHand(kind, url string) (*hand, error) {
	nc, err := nats.Connect(url, nats.Name(kind))
	if err != nil {
		return nil, err
	}
	h := &hand{nc: nc, subject: "bench." + kind + ".", marshal: msgpack.Marshal, unmarshal: msgpack.Unmarshal}
	if kind == kindHandOwn {
		h.marshal, h.unmarshal = codec.Msgpack.Marshal, codec.Msgpack.Unmarshal
	}
	return h, nil
}

func (h *hand) close() error {
	h.nc.Close()
	return nil
}

// failed is the header in which a worker says what went wrong.
const failed = "Error"

// request calls what is answered under name. in is a pointer, which saves both
// codecs a copy.
func request[In, Out any](ctx context.Context, h *hand, name string, in *In) (out Out, err error) {
	body, err := h.marshal(in)
	if err != nil {
		return out, err
	}
	m, err := h.nc.RequestWithContext(ctx, h.subject+name, body)
	if err != nil {
		return out, err
	}
	if text := m.Header.Get(failed); text != "" {
		return out, errors.New(text)
	}
	err = h.unmarshal(m.Data, &out)
	return out, err
}

// respond answers what is called under name, each request on a goroutine of
// its own.
func respond[In, Out any](h *hand, name string, fn func(In) (Out, error)) error {
	_, err := h.nc.QueueSubscribe(h.subject+name, "workers", func(m *nats.Msg) {
		go func() {
			body, err := handle(h, m, fn)
			reply := &nats.Msg{Data: body}
			if err != nil {
				reply.Header = nats.Header{failed: {err.Error()}}
			}
			_ = m.RespondMsg(reply) // nobody is left to tell
		}()
	})
	return err
}

func handle[In, Out any](h *hand, m *nats.Msg, fn func(In) (Out, error)) ([]byte, error) {
	var in In
	if err := h.unmarshal(m.Data, &in); err != nil {
		return nil, err
	}
	out, err := fn(in)
	if err != nil {
		return nil, err
	}
	return h.marshal(&out)
}

// serve answers all kinds of requests.
func (h *hand) serve(ctx context.Context) error {
	return errors.Join(
		respond(h, "echo", func(p Payload) (Payload, error) { return echo(p), nil }),
		respond(h, "one", func(n int) (int, error) { return one(n), nil }),
		respond(h, "fib", func(n int) (int, error) { return h.fibStep(ctx, n) }),
		h.nc.Flush(),
	)
}

// fibStep requests what it needs, both at once.
func (h *hand) fibStep(ctx context.Context, n int) (int, error) {
	if n < 2 {
		return n, nil
	}
	var a int
	var errA error
	done := make(chan struct{})
	go func() {
		defer close(done)
		a, errA = h.fib(ctx, n-1)
	}()
	b, errB := h.fib(ctx, n-2)
	<-done
	return a + b, errors.Join(errA, errB)
}

// The client's side, for the caller.

func (h *hand) context(ctx context.Context) context.Context { return ctx }

func (h *hand) echo(ctx context.Context, p *Payload) (Payload, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return request[Payload, Payload](ctx, h, "echo", p)
}

func (h *hand) fib(ctx context.Context, n int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return request[int, int](ctx, h, "fib", &n)
}

func (h *hand) fan(ctx context.Context, ins []int) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	outs, errs := make([]int, len(ins)), make([]error, len(ins))
	var all sync.WaitGroup
	for i := range ins {
		all.Go(func() { outs[i], errs[i] = request[int, int](ctx, h, "one", &ins[i]) })
	}
	all.Wait()
	return outs, errors.Join(errs...)
}
