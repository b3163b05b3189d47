package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/atasks-io/atasks/codec"
)

// Payload is what travels, there and back with the next ID.
type Payload struct {
	ID   int64
	Name string
	Body []byte
}

// newPayload returns a value that takes about size bytes as msgpack.
func newPayload(size int) (Payload, error) {
	p := Payload{ID: 1, Name: "a benchmark", Body: []byte{}}
	bare, err := codec.Msgpack.Marshal(&p)
	if err != nil {
		return Payload{}, err
	}
	if len(bare) > size {
		return Payload{}, fmt.Errorf("a payload of %d bytes: it takes %d without its body", size, len(bare))
	}
	p.Body = []byte(strings.Repeat("0123456789abcdef", size/16+1)[:size-len(bare)])
	return p, nil
}

// echo is what the workers of every kind do.
func echo(p Payload) Payload {
	p.ID++
	return p
}

// checkEcho looks at an answer: always at what must differ, and with care at
// everything.
func checkEcho(sent *Payload, got *Payload, care bool) error {
	if got.ID != sent.ID+1 || len(got.Body) != len(sent.Body) {
		return fmt.Errorf("the echo of payload %d with %d bytes is %d with %d", sent.ID, len(sent.Body), got.ID, len(got.Body))
	}
	if care && !reflect.DeepEqual(*got, echo(*sent)) {
		return fmt.Errorf("the echo of %v is %v", *sent, *got)
	}
	return nil
}
