package codec

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync"
)

// msgpackCodec is the codec for msgpack. What it holds is caches only.
type msgpackCodec struct {
	shapes   shapes
	encoders sync.Pool // of *encoder
	decoders sync.Pool // of *decoder
}

func newMsgpackCodec() *msgpackCodec {
	c := new(msgpackCodec)
	seed := maphash.MakeSeed()
	c.encoders.New = func() any { return &encoder{shapes: &c.shapes} }
	c.decoders.New = func() any {
		d := &decoder{shapes: &c.shapes}
		d.guard.keys.seed = seed
		return d
	}
	return c
}

func (c *msgpackCodec) ContentType() string { return "application/msgpack" }

func (c *msgpackCodec) Marshal(v any) (body []byte, err error) {
	e := c.encoders.Get().(*encoder)
	defer func() {
		if r := recover(); r != nil { // e is in an unknown state and not used again
			body, err = nil, marshalFailed("msgpack", v, &panicked{r})
		}
	}()
	err = e.value(v)
	if len(e.buf) > MaxBody && err == nil {
		err = fmt.Errorf("the body has more than %d bytes", MaxBody)
	}
	if err != nil {
		err = marshalFailed("msgpack", v, err)
	} else {
		body = bytes.Clone(e.buf)
	}
	e.reset()
	c.encoders.Put(e)
	return body, err
}

func (c *msgpackCodec) Unmarshal(data []byte, v any) (err error) {
	d := c.decoders.Get().(*decoder)
	defer func() {
		if r := recover(); r != nil {
			err = unmarshalFailed("msgpack", v, &panicked{r})
		}
	}()
	if err = d.decode(data, v); err != nil {
		err = unmarshalFailed("msgpack", v, err)
	}
	d.data = nil
	c.decoders.Put(d)
	return err
}

// shape is how the values of one Go type are written and read. A shape is
// immutable once the type's tree of shapes is complete.
type shape interface {
	// encode appends v to the encoder's buffer.
	encode(e *encoder, v reflect.Value) error
	// decode stores the next value of the guarded body in v, which is settable.
	decode(d *decoder, v reflect.Value) error
}

// shapes holds the shape of every type that was encoded or decoded.
type shapes struct{ byType sync.Map } // reflect.Type -> shape

func (s *shapes) of(t reflect.Type) shape {
	if x, ok := s.byType.Load(t); ok {
		return x.(shape)
	}
	// Two goroutines may build the same shape; either will do.
	x, _ := s.byType.LoadOrStore(t, shapeBuilder{}.build(t))
	return x.(shape)
}
