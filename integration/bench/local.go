package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// Plain is what may be copied by assignment: it holds no pointer, slice, map
// or interface.
type Plain struct {
	ID    int64
	Name  string
	Count int
	Price float64
	Done  bool
}

// Nested is what has to pass the codec, so that both sides have their own.
type Nested struct {
	ID     int64
	Name   string
	Tags   []string
	Counts map[string]int
}

var (
	plainTask  = atask.Declare[Plain, Plain]("plain")
	nestedTask = atask.Declare[Nested, Nested]("nested")
)

// newSolo is a node that serves and calls itself.
func newSolo(ctx context.Context, url string) (*member, error) {
	node, err := startNode(ctx, kindSolo, url, actor.Config{})
	if err != nil {
		return nil, err
	}
	err = node.Serve(
		serveCounts(),
		plainTask.With(func(_ context.Context, p Plain) (Plain, error) {
			p.ID++
			return p, nil
		}),
		nestedTask.With(func(_ context.Context, n Nested) (Nested, error) {
			n.ID++
			return n, nil
		}),
	)
	m := newLoadMember(solo{node}, func() error { return closeNode(node) })
	m.verbs["serve"] = on(func(ctx context.Context, n int) (any, error) { return serveMany(ctx, node, n) })
	return m, err
}

// solo calls its own node.
type solo struct{ node *actor.Node }

// The sizes of a local operation.
const (
	endless      = iota // under a context that goes on
	withDeadline        // each call under a context with a deadline of its own
)

// operation implements operator.
func (s solo) operation(ctx context.Context, name string, size int) (operation, error) {
	ctx = s.node.Context(ctx)
	switch name {
	case "plain":
		return func(bool) call {
			in := Plain{Name: "a benchmark", Count: 3, Price: 9.5, Done: true}
			return timely(ctx, size, func(ctx context.Context) error {
				in.ID++
				got, err := plainTask.Await(ctx, in)
				want := in
				if want.ID++; err == nil && got != want {
					err = fmt.Errorf("the answer to %+v is %+v", in, got)
				}
				return err
			})
		}, nil
	case opAsk:
		return s.asks(ctx), nil
	case "slices":
		return func(bool) call {
			in := Nested{Name: "a benchmark", Tags: []string{"first", "second"}, Counts: map[string]int{"a": 1, "b": 2}}
			return timely(ctx, size, func(ctx context.Context) error {
				in.ID++
				got, err := nestedTask.Await(ctx, in)
				if err == nil && (got.ID != in.ID+1 || got.Name != in.Name || !slices.Equal(got.Tags, in.Tags) || !maps.Equal(got.Counts, in.Counts)) {
					err = fmt.Errorf("the answer to %+v is %+v", in, got)
				}
				return err
			})
		}, nil
	}
	return nil, fmt.Errorf("there is no operation %q", name)
}

// timely makes calls with or without a deadline.
func timely(ctx context.Context, size int, fn func(context.Context) error) call {
	if size == endless {
		return func() error { return fn(ctx) }
	}
	return func() error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return fn(ctx)
	}
}

// The contenders of a local section.
const (
	noDeadline  = "no deadline"
	hasDeadline = "deadline"
)

func localSections() []section {
	var list []section
	for _, op := range []string{"plain", "slices"} {
		list = append(list, section{
			name:    "local/" + op,
			measure: func(ctx context.Context, b *bench, name string) error { return b.local(ctx, name, op) },
		})
	}
	return list
}

// local measures awaits that stay in the process, one after the other.
func (b *bench) local(ctx context.Context, name, op string) error {
	return b.with(ctx, name, 0, []string{kindSolo}, func(f *fleet) error {
		crew := f.members[kindSolo]
		s, err := b.alternate(ctx, []contender{
			{noDeadline, crew, job{Op: op, Size: endless, InFlight: 1}},
			{hasDeadline, crew, job{Op: op, Size: withDeadline, InFlight: 1}},
		})
		if err != nil {
			return err
		}
		t := b.report.table("Await within the process", "section", "context", "ops/s", "p50 µs", "p99 µs", "CPU µs", "allocs", "other CPU", "least and greatest p50")
		for _, c := range []string{noDeadline, hasDeadline} {
			row := []string{name, c}
			for _, m := range []metric{throughput, middle, tail, cpu, mallocs, others} {
				row = append(row, number(s.of(c, m).Median))
			}
			p50 := s.of(c, middle)
			t.add(append(row, number(p50.Min)+" to "+number(p50.Max))...)
		}
		b.report.samples[name] = s
		return nil
	})
}
