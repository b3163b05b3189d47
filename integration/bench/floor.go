package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// floorSubject is where the bare requests go.
const floorSubject = "bench.floor"

// floor is the least that a request takes: no codec, no context, no goroutine
// in the worker.
type floor struct{ nc *nats.Conn }

func connectFloor(url string) (*floor, error) {
	nc, err := nats.Connect(url, nats.Name(kindFloor))
	if err != nil {
		return nil, err
	}
	return &floor{nc}, nil
}

func (f *floor) close() error {
	f.nc.Close()
	return nil
}

// serve answers in the subscription's callback.
func (f *floor) serve() error {
	_, err := f.nc.QueueSubscribe(floorSubject, "workers", func(m *nats.Msg) {
		_ = m.Respond(m.Data) // nobody is left to tell
	})
	return errors.Join(err, f.nc.Flush())
}

// operation implements operator. There is but one operation.
func (f *floor) operation(_ context.Context, name string, size int) (operation, error) {
	if name != "echo" {
		return nil, fmt.Errorf("%q is nothing that the floor has", name)
	}
	body := bytes.Repeat([]byte{'x'}, size)
	return func(care bool) call {
		return func() error {
			m, err := f.nc.Request(floorSubject, body, callTimeout)
			if err != nil {
				return err
			}
			if len(m.Data) != len(body) || care && !bytes.Equal(m.Data, body) {
				return fmt.Errorf("the echo of %d bytes has %d, or others", len(body), len(m.Data))
			}
			return nil
		}
	}, nil
}
