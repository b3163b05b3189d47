package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// member is what a process does besides being one.
type member struct {
	says  string // on the first line: what the parent has to know
	verbs map[string]verb
	close func() error
}

// verb carries out one kind of order.
type verb func(ctx context.Context, args json.RawMessage) (any, error)

// order is a line that the parent writes, and answer the line that it reads.
type (
	order struct {
		Verb string
		Args json.RawMessage
	}
	answer struct {
		Value any
		Error string
	}
)

// on makes a verb of a function of its arguments.
func on[Args, Value any](fn func(context.Context, Args) (Value, error)) verb {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var args Args
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, err
		}
		return fn(ctx, args)
	}
}

// obey carries out one order after the other, until the input or ctx ends.
func obey(ctx context.Context, m *member, input io.Reader, output io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { err = errors.Join(err, m.close()) }()
	own := &profile{}
	defer func() { err = errors.Join(err, own.stop()) }()
	m.verbs["profile"], m.verbs["profiled"] = on(own.begin), on(own.end)
	m.verbs["memory"] = on(measureMemory)
	answers := json.NewEncoder(output)
	if err := answers.Encode(answer{Value: m.says}); err != nil {
		return err
	}
	next := orders(ctx, cancel, input)
	for {
		select {
		case <-ctx.Done():
			return nil // told to stop
		case o := <-next:
			a := m.carryOut(ctx, o)
			if ctx.Err() != nil {
				return nil // what failed then says nothing
			}
			if err := answers.Encode(a); err != nil {
				return err
			}
		}
	}
}

// orders reads the input beside what is done, so that its end ends that: it
// calls cancel then.
func orders(ctx context.Context, cancel func(), input io.Reader) <-chan order {
	c := make(chan order)
	go func() { // ends with the input, and that with the process
		defer cancel()
		for lines := json.NewDecoder(input); ; {
			var o order
			if lines.Decode(&o) != nil {
				return
			}
			select {
			case c <- o:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

func (m *member) carryOut(ctx context.Context, o order) answer {
	v, ok := m.verbs[o.Verb]
	if !ok {
		return answer{Error: fmt.Sprintf("%q is not what it can do", o.Verb)}
	}
	value, err := v(ctx, o.Args)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

// memory is what a process holds.
type memory struct{ Heap, Stacks uint64 }

// measureMemory counts what is in use after a collection.
func measureMemory(context.Context, struct{}) (memory, error) {
	runtime.GC()
	runtime.GC() // what the first one freed by a finalizer or in a pool
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return memory{s.HeapAlloc, s.StackInuse}, nil
}
