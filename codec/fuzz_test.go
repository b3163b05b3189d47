package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The seeds of these tests are in testdata/fuzz; what they are is in their
// names.

// fuzzed has something of everything that decoding treats differently.
type fuzzed struct {
	ID    int8 `json:"id"`
	Big   uint64
	F     float32
	S     string
	B     []byte
	H     [2]byte
	A     [2]int16
	L     []fuzzed
	P     *fuzzed
	M     map[string]int
	I     map[int8]string
	X     any
	T     time.Time
	D     time.Duration
	Empty struct{}
}

// fuzzTargets returns pointers to values of the types that bodies are decoded
// into.
func fuzzTargets() []any {
	return []any{new(any), new(fuzzed), new([]int64), new(map[string]any), new(map[int16][]string), new([]fuzzed), new(string)}
}

// FuzzGuard compares the guard with one that is written to be obviously right.
func FuzzGuard(f *testing.F) {
	g := newTestGuard()
	f.Fuzz(func(t *testing.T, b []byte) {
		err := g.check(b)
		g.keys.release()
		if want := reference(b); (err == nil) != want {
			t.Errorf("check(%x) = %v, but the reference says %v", b, err, want)
		}
	})
}

func FuzzMsgpackUnmarshal(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) { fuzzUnmarshal(t, Msgpack, b) })
}

func FuzzJSONUnmarshal(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzUnmarshal(t, JSON, b)
		var v any
		if err := JSON.Unmarshal(b, &v); err != nil {
			return
		}
		if !json.Valid(b) {
			t.Errorf("Unmarshal(%q) = nil, but it is not JSON", b)
		}
		if depth, err := tokens(b); depth > MaxDepth || err != nil {
			t.Errorf("Unmarshal(%q) = nil, but it has depth %d and %v", b, depth, err)
		}
	})
}

// FuzzJSONGuard compares the guard with encoding/json: of what that reads, the
// guard lets through what is nested well, in UTF-8 and without a key twice.
func FuzzJSONGuard(f *testing.F) {
	for _, s := range []string{
		"", "1", " [1,2] ", `{"a":{"a":1},"b":"a"}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\\":1,"\/":2}`, "\ufeff1", `"\ud800"`, `"\ud83d\ude00"`,
		`"\"`, "1 2", "0x1", "nul", "-", "01", "\"\x00\"", "\xff", "[1,]", `{"a"}`, strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65),
	} {
		f.Add([]byte(s))
	}
	c := newJSONCodec()
	f.Fuzz(func(t *testing.T, b []byte) {
		g := c.guards.Get().(*jsonGuard)
		err := g.check(b)
		g.keys.release()
		c.guards.Put(g)
		if !json.Valid(b) || bytes.Contains(bytes.ToLower(b), []byte(`\ud`)) {
			return // left to encoding/json; halves of pairs have tests of their own
		}
		depth, twice := tokens(b)
		want := utf8.Valid(b) && depth <= MaxDepth && twice == nil
		if (err == nil) != want {
			t.Errorf("check(%q) = %v, want nil: %v (depth %d, %v)", b, err, want, depth, twice)
		}
	})
}

// fuzzUnmarshal decodes b into values of all kinds. Decoding must neither panic
// nor change b, and what it accepts must survive another round trip.
func fuzzUnmarshal(t *testing.T, c Codec, b []byte) {
	kept := bytes.Clone(b)
	for _, v := range fuzzTargets() {
		err := c.Unmarshal(b, v)
		var p *panicked
		if errors.As(err, &p) {
			t.Errorf("Unmarshal(%q, %T) = %v, want no panic", b, v, err)
		}
		if !bytes.Equal(b, kept) {
			t.Fatalf("Unmarshal(%q, %T) changed its data to %q", kept, v, b)
		}
		if err != nil {
			continue
		}
		first, err := c.Marshal(v)
		if err != nil {
			// What JSON can read as a time it cannot always write.
			if c == JSON && strings.Contains(err.Error(), "Time.MarshalJSON") {
				continue
			}
			t.Errorf("Marshal(%T) = %v after Unmarshal(%q)", v, err, b)
			continue
		}
		again := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := c.Unmarshal(first, again); err != nil {
			t.Errorf("Unmarshal(%q, %T) = %v, which was written after Unmarshal(%q)", first, v, err, b)
			continue
		}
		if second, err := c.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("Marshal(%T) = %q, %v after a round trip, want %q; it began with %q", v, second, err, first, b)
		}
	}
}

// tokens returns how deep b, which is JSON, is nested, and an error if an
// object has a key twice.
func tokens(b []byte) (depth int, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type open struct {
		keys map[string]bool // nil in an array
		key  bool            // a key comes next
	}
	var stack []open
	for {
		token, err := d.Token()
		if err != nil {
			return depth, nil //nolint:nilerr // the depth up to where it breaks
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].keys != nil {
			top := &stack[n-1]
			if key, ok := token.(string); ok && top.key {
				if top.keys[key] {
					return depth, errors.New("the key " + key + " twice")
				}
				top.keys[key] = true
			}
			top.key = !top.key
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, open{make(map[string]bool), true})
		case json.Delim('['):
			stack = append(stack, open{})
		}
		depth = max(depth, len(stack))
	}
}
