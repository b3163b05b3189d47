package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// Count is state that is copied by assignment.
type Count struct{ N int64 }

// Mirror is state that counts what it has shown.
type Mirror struct {
	Shown int64
	Last  Payload
}

var (
	counts   = actor.DeclareKind[Count]("count", actor.Volatile())
	countAdd = actor.Method[int64, int64](counts, "add")

	mirrors    = actor.DeclareKind[Count]("mirror", actor.Volatile())
	mirrorEcho = actor.Method[Payload, Payload](mirrors, "echo", atask.Timeout(callTimeout))

	kept     = actor.DeclareKind[Mirror]("kept")
	keptEcho = actor.Method[Payload, Payload](kept, "echo", atask.Timeout(callTimeout))
)

func serveCounts() actor.Servable {
	return counts.With(countAdd.With(func(c *Count, _ context.Context, n int64) (int64, error) {
		c.N += n
		return c.N, nil
	}))
}

// newEntityWorker hosts entities, and serves the task that they are compared with.
func newEntityWorker(ctx context.Context, kind, url string) (*member, error) {
	return newTaskWorker(ctx, kind, url, actor.Config{}, append(served(),
		mirrors.With(mirrorEcho.With(func(c *Count, _ context.Context, p Payload) (Payload, error) {
			c.N++
			return echo(p), nil
		})),
		kept.With(keptEcho.With(func(m *Mirror, _ context.Context, p Payload) (Payload, error) {
			m.Shown++
			m.Last = p
			return echo(p), nil
		})),
	))
}

// entityCaller asks entities, and writes records by hand.
type entityCaller struct {
	tasks
	nc *nats.Conn
	js jetstream.JetStream
}

// bareStream is the stream that is written by hand.
const bareStream = "BARE"

func newEntityCaller(ctx context.Context, kind, url string) (*member, error) {
	node, err := startNode(ctx, kind, url, actor.Config{})
	if err != nil {
		return nil, err
	}
	e := entityCaller{tasks: tasks{node}}
	if e.nc, err = nats.Connect(url); err == nil {
		e.js, err = jetstream.New(e.nc)
	}
	if err == nil {
		_, err = e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: bareStream, Subjects: []string{"bare.>"}, Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 1,
		})
	}
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return newLoadMember(&e, func() error {
		e.nc.Close()
		return closeNode(node)
	}), nil
}

// What is called, each goroutine with a key of its own.
const (
	opTask = "task" // an await of a task
	opAsk  = "ask"  // a message to a volatile entity
	opSave = "save" // a message to an entity that is saved
	opBare = "bare" // the compare-and-set publish of as much, by hand
)

// operation implements operator.
func (e *entityCaller) operation(ctx context.Context, name string, size int) (operation, error) {
	var keys atomic.Int64
	ctx = e.context(ctx)
	if name == opBare {
		return e.bare(ctx, size)
	}
	pattern, err := newPayload(size)
	if err != nil {
		return nil, err
	}
	return func(care bool) call {
		p, key := pattern, "k"+strconv.FormatInt(keys.Add(1), 10)
		return func() error {
			p.ID++
			var got Payload
			var err error
			switch name {
			case opTask:
				got, err = echoTask.Await(ctx, p)
			case opAsk:
				got, err = mirrorEcho.Ask(ctx, key, p)
			case opSave:
				got, err = keptEcho.Ask(ctx, key, p)
			default:
				err = fmt.Errorf("there is no operation %q", name)
			}
			if err != nil {
				return err
			}
			return checkEcho(&p, &got, care)
		}
	}, nil
}

// bare writes records as one would by hand: by the sequence of the last write.
func (e *entityCaller) bare(ctx context.Context, size int) (operation, error) {
	var keys atomic.Int64
	return func(bool) call {
		m := &nats.Msg{Subject: fmt.Sprintf("bare.%d.%d", size, keys.Add(1)), Data: make([]byte, size), Header: nats.Header{}}
		last := uint64(0)
		if stream, err := e.js.Stream(ctx, bareStream); err == nil {
			if old, err := stream.GetLastMsgForSubject(ctx, m.Subject); err == nil {
				last = old.Sequence
			}
		}
		return func() error {
			m.Header[expectedSequence] = []string{strconv.FormatUint(last, 10)}
			reply, err := e.nc.RequestMsgWithContext(ctx, m)
			if err != nil {
				return err
			}
			var answer struct {
				Error *jetstream.APIError `json:"error"`
				Seq   uint64              `json:"seq"`
			}
			if err := json.Unmarshal(reply.Data, &answer); err != nil {
				return err
			}
			if answer.Error != nil {
				return answer.Error
			}
			last = answer.Seq
			return nil
		}
	}, nil
}

const expectedSequence = "Nats-Expected-Last-Subject-Sequence"

// asks are messages to entities of its own node.
func (s solo) asks(ctx context.Context) operation {
	var keys atomic.Int64
	return func(bool) call {
		key, want := "k"+strconv.FormatInt(keys.Add(1), 10), int64(0)
		return func() error {
			got, err := countAdd.Ask(ctx, key, 1)
			if want == 0 {
				want = got - 1
			}
			if want++; err == nil && got != want {
				err = fmt.Errorf("%s counts %d, want %d", key, got, want)
			}
			return err
		}
	}
}

// The contenders of asks within the process.
const (
	oneAsker   = "1 caller"
	manyAskers = "64 callers"
)

func entitySections() []section {
	list := []section{{name: "entities/local", measure: func(ctx context.Context, b *bench, name string) error { return b.localAsks(ctx, name) }}}
	for _, inFlight := range []int{1, 64} {
		list = append(list,
			section{name: fmt.Sprintf("entities/ask/%d", inFlight), measure: func(ctx context.Context, b *bench, name string) error {
				return b.entities(ctx, name, inFlight, opTask, opAsk)
			}},
			section{name: fmt.Sprintf("entities/save/%d", inFlight), measure: func(ctx context.Context, b *bench, name string) error {
				return b.entities(ctx, name, inFlight, opBare, opSave)
			}},
		)
	}
	return list
}

// localAsks measures messages to entities of the same process.
func (b *bench) localAsks(ctx context.Context, name string) error {
	return b.with(ctx, name, 0, []string{kindSolo}, func(f *fleet) error {
		crew := f.members[kindSolo]
		s, err := b.alternate(ctx, []contender{
			{oneAsker, crew, job{Op: opAsk, InFlight: 1}},
			{manyAskers, crew, job{Op: opAsk, InFlight: 64}},
		})
		if err != nil {
			return err
		}
		b.addAsks(name, s, oneAsker, manyAskers)
		return nil
	})
}

// entities measures messages to entities through the broker against what they
// are to be compared with.
func (b *bench) entities(ctx context.Context, name string, inFlight int, base, op string) error {
	return b.with(ctx, name, 1, []string{kindEntities}, func(f *fleet) error {
		const size = 100
		crew := f.members[kindEntities]
		s, err := b.alternate(ctx, []contender{
			{base, crew, job{Op: base, Size: size, InFlight: inFlight}},
			{op, crew, job{Op: op, Size: size, InFlight: inFlight}},
		})
		if err != nil {
			return err
		}
		b.addAsks(name, s, base, op)
		return nil
	})
}

// addAsks puts what was measured into the report, the base first.
func (b *bench) addAsks(name string, s samples, base, other string) {
	t := b.report.table("Entities", "section", "what", "ops/s", "p50 µs", "p99 µs", "CPU µs", "allocs", "other CPU", "ops to the first", "p50 to the first")
	for _, what := range []string{base, other} {
		row := []string{name, what}
		for _, m := range []metric{throughput, middle, tail, cpu, mallocs, others} {
			row = append(row, number(s.of(what, m).Median))
		}
		t.add(append(row, s.ratio(what, base, throughput).cell(), s.ratio(what, base, middle).cell())...)
	}
	b.progress("    %s to %s: ops %v, p50 %v", other, base, s.ratio(other, base, throughput), s.ratio(other, base, middle))
	b.report.samples[name] = s
}
