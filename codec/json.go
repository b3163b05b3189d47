package codec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"reflect"
	"sync"
)

// jsonCodec is encoding/json behind the guard. What it holds is caches only.
type jsonCodec struct {
	roots    sync.Map  // reflect.Type -> *jsonRoot
	encoders sync.Pool // of *jsonEncoder
	guards   sync.Pool // of *jsonGuard
}

// jsonEncoder is a json.Encoder with the buffer that it writes to.
type jsonEncoder struct {
	*json.Encoder
	buf bytes.Buffer
}

func newJSONCodec() *jsonCodec {
	c := new(jsonCodec)
	seed := maphash.MakeSeed()
	c.encoders.New = func() any {
		e := new(jsonEncoder)
		e.Encoder = json.NewEncoder(&e.buf)
		e.SetEscapeHTML(false)
		return e
	}
	c.guards.New = func() any { return &jsonGuard{keys: keyset{seed: seed}} }
	return c
}

func (c *jsonCodec) ContentType() string { return "application/json" }

func (c *jsonCodec) Marshal(v any) (body []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r}
		}
		if err != nil {
			body, err = nil, marshalFailed("JSON", v, err)
		}
	}()
	if v == nil {
		return []byte("null"), nil
	}
	root := c.root(reflect.TypeOf(v))
	if err := cmp.Or(root.refusal, root.unwritable); err != nil {
		return nil, err
	}
	x := v
	if root.byPointer {
		x = pointerTo(reflect.ValueOf(v))
	}
	body, err = c.encode(x)
	if err != nil || looksLossy(body) {
		if err := inspect(reflect.ValueOf(x), 0); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, jsonError(err)
	}
	if root.open || len(body) > MaxBody {
		_, _, err = c.guard(body)
	}
	return body, err
}

// looksLossy reports whether encoding/json may have left something out of body:
// see inspect.
func looksLossy(body []byte) bool {
	return bytes.Contains(body, []byte(`\ufffd`)) || bytes.Contains(body, []byte(`{}`))
}

// encode returns what encoding/json makes of v.
func (c *jsonCodec) encode(v any) ([]byte, error) {
	e := c.encoders.Get().(*jsonEncoder)
	err := e.Encode(v)
	body := bytes.Clone(bytes.TrimSuffix(e.buf.Bytes(), []byte("\n")))
	if e.buf.Reset(); e.buf.Cap() <= keepScratch {
		c.encoders.Put(e)
	}
	return body, err
}

func (c *jsonCodec) Unmarshal(data []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r}
		}
		if err != nil {
			err = unmarshalFailed("JSON", v, err)
		}
	}()
	to, err := target(v)
	if err != nil {
		return err
	}
	suspect, memory, err := c.guard(data)
	if err != nil {
		return err
	}
	root := c.root(to.Type())
	if root.refusal != nil {
		return root.refusal
	}
	if err := root.check(data, suspect, memory); err != nil {
		return err
	}
	if root.leadsToAny {
		return decodeAny(data, root.jsonType, to)
	}
	return jsonError(json.Unmarshal(data, v))
}

func (c *jsonCodec) root(t reflect.Type) *jsonRoot {
	if x, ok := c.roots.Load(t); ok {
		return x.(*jsonRoot)
	}
	x, _ := c.roots.LoadOrStore(t, newJSONRoot(t))
	return x.(*jsonRoot)
}

// guard checks data. suspect says that keys of an object may differ in letter
// case only; memory is what decoding data may take.
func (c *jsonCodec) guard(data []byte) (suspect bool, memory int64, err error) {
	g := c.guards.Get().(*jsonGuard)
	err = g.check(data)
	suspect = g.keys.suspect
	memory = memoryFor(len(data)) - g.keys.memory()
	g.keys.release()
	c.guards.Put(g)
	return suspect, memory, err
}

// check looks at data together with its type, where that can find something.
func (r *jsonRoot) check(data []byte, suspect bool, memory int64) error {
	size := int64(len(data))
	// A value takes two bytes at least, with the comma before it.
	cheap := r.cost*size/2 <= memory
	if cheap && !r.strict && !(suspect && r.hasStruct) {
		return nil
	}
	if !json.Valid(data) {
		return nil // encoding/json will say so before it decodes anything
	}
	// Strings are copied twice at most: out of the body and out of their escapes.
	c := jsonCheck{b: data, memory: memory - 2*size}
	return c.value(r.jsonType)
}

// decodeAny stores the value that data holds in to, of the type x, with the
// numbers in an any as they are written.
func decodeAny(data []byte, x *jsonType, to reflect.Value) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err := d.Decode(to.Addr().Interface())
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return faultAt(len(data), "the body ends early")
	case err != nil:
		return jsonError(err)
	}
	return restoreNumbers(x, to, 0)
}

// jsonError rephrases what encoding/json says, with the place in the body.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return &fault{offset: int(syntax.Offset), err: syntax}
	case errors.As(err, &mismatch):
		f := &fault{offset: int(mismatch.Offset), err: fmt.Errorf("%s does not fit %v", mismatch.Value, mismatch.Type)}
		if mismatch.Field != "" {
			f.path = "." + mismatch.Field
		}
		return f
	}
	return err
}
