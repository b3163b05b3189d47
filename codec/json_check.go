package codec

import (
	"bytes"
	"reflect"
)

// jsonCheck looks through a body together with the type that it is decoded
// into. It finds what the guard cannot know: keys that mean the same field,
// elements that do not fit an array, and memory. It is slow, and most bodies do
// not need it: see jsonRoot.check.
type jsonCheck struct {
	b      []byte // valid JSON that the guard has passed
	i      int
	memory int64
	text   []byte // of the last key
}

// value passes over the value that comes next, which is decoded into x. x is
// nil where nothing is to be checked.
func (c *jsonCheck) value(x *jsonType) error {
	c.space()
	start := c.i
	for x != nil && x.kind == jsonPointer && c.b[start] != 'n' {
		c.memory -= x.valueCost()
		x = x.elem
	}
	var err error
	switch c.b[start] {
	case '{':
		err = c.object(x)
	case '[':
		err = c.list(x)
	case '"':
		c.string()
		err = c.fit(x, start, jsonString)
	case 'n':
		c.literal()
	case 't', 'f':
		c.literal()
		err = c.fit(x, start, jsonBool)
	default:
		c.literal()
		err = c.fit(x, start, jsonNumber)
	}
	if err == nil && c.memory < 0 {
		err = faultAt(start, "the body would take more than %d MiB of memory", memoryFor(len(c.b))>>20)
	}
	return err
}

func (c *jsonCheck) list(x *jsonType) error {
	start := c.i
	elem := x.element(jsonSlice, jsonArray)
	if elem == nil && x.checked() {
		return faultAt(start, "array does not fit %v", x.typ)
	}
	n := 0
	for ; c.more('[', ']'); n++ {
		c.memory -= x.elementCost()
		if err := c.value(elem); err != nil {
			return withinIndex(err, n)
		}
	}
	if x != nil && x.kind == jsonArray && n != x.typ.Len() {
		return faultAt(start, "an array of %d does not fit %v", n, x.typ)
	}
	return nil
}

func (c *jsonCheck) object(x *jsonType) error {
	if x != nil && x.kind == jsonStruct {
		return c.fields(x)
	}
	elem := x.element(jsonMap, jsonMap)
	if elem == nil && x.checked() {
		return faultAt(c.i, "object does not fit %v", x.typ)
	}
	var seen parsedKeys
	if elem != nil && x.parsesKeys {
		seen = newParsedKeys(x.typ.Key())
	}
	c.memory -= x.mapCost()
	for n := 0; c.more('{', '}'); n++ {
		c.memory -= x.entryCost(n)
		at := c.i
		key := c.key()
		switch fits, twice := seen.add(key); {
		case !fits:
			return faultAt(at, "the key %.32q does not fit %v", key, x.typ.Key())
		case twice:
			return faultAt(at, "the key %.32q is the same %v as another", key, x.typ.Key())
		}
		if err := c.value(elem); err != nil {
			return withinKey(err, reflect.ValueOf(string(key)))
		}
	}
	return nil
}

// fields passes over an object that is decoded into the struct x.
func (c *jsonCheck) fields(x *jsonType) error {
	var few uint64 // the fields that were seen, and further ones
	var many map[int]bool
	for c.more('{', '}') {
		at := c.i
		key := c.key()
		i, ok := x.find(key)
		if !ok {
			if err := c.value(nil); err != nil {
				return err
			}
			continue
		}
		f := &x.fields[i]
		if few>>i&1 == 1 || many[i] {
			return faultAt(at, "the key %.32q means the field %s of %v for the second time", key, f.name, x.typ)
		}
		if few |= 1 << i; i >= 64 {
			if many == nil {
				many = make(map[int]bool)
			}
			many[i] = true
		}
		if err := c.value(f.typ); err != nil {
			return withinField(err, f.name)
		}
	}
	return nil
}

// element returns what the elements of x are decoded into when x is any, or of
// the kind k or l, and nil when it is not known.
func (x *jsonType) element(k, l jsonKind) *jsonType {
	switch {
	case x == nil:
		return nil
	case x.kind == jsonAny:
		return x
	case x.kind == k, x.kind == l:
		return x.elem
	}
	return nil
}

// more moves to the next element or key and reports whether there is one. At
// the opening it moves past it, at a comma too, and past the closing at the end.
func (c *jsonCheck) more(opening, closing byte) bool {
	c.space()
	switch at := c.b[c.i]; at {
	case opening:
		c.i++
		c.space()
		if c.b[c.i] != closing {
			return true
		}
		c.i++
		return false
	default:
		c.i++
		return at == ','
	}
}

func (c *jsonCheck) space() {
	for c.i < len(c.b) && bytes.IndexByte([]byte(" \t\r\n"), c.b[c.i]) >= 0 {
		c.i++
	}
}

// literal passes over a number or a word.
func (c *jsonCheck) literal() {
	for c.i < len(c.b) && inLiteral(c.b[c.i]) {
		c.i++
	}
}

// key passes over a key and the colon after it.
func (c *jsonCheck) key() []byte {
	c.space()
	key := c.string()
	c.space()
	c.i++
	return key
}

// string passes over a string and returns what it stands for, until the next
// call.
func (c *jsonCheck) string() []byte {
	c.i++
	start, escaped := c.i, false
	for c.b[c.i] != '"' {
		if c.b[c.i] == '\\' {
			escaped = true
			c.i++
		}
		c.i++
	}
	s := c.b[start:c.i]
	c.i++
	if escaped {
		c.text = appendUnescaped(c.text[:0], s)
		return c.text
	}
	return s
}
