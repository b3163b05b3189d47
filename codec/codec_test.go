package codec_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/atasks-io/atasks/codec"
)

// both runs f for each codec.
func both(t *testing.T, f func(t *testing.T, c codec.Codec)) {
	t.Helper()
	for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
		t.Run(strings.TrimPrefix(c.ContentType(), "application/"), func(t *testing.T) {
			t.Parallel()
			f(t, c)
		})
	}
}

// marshal returns the body for v and fails the test when there is none.
func marshal(t *testing.T, c codec.Codec, v any) []byte {
	t.Helper()
	b, err := c.Marshal(v)
	if err != nil {
		t.Fatalf("Marshal(%#v) = %v, want no error", v, err)
	}
	return b
}

func TestByContentType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ct   string
		want codec.Codec
	}{
		{"application/msgpack", codec.Msgpack},
		{"application/json", codec.JSON},
		{"application/json; charset=utf-8", codec.JSON},
		{" Application/JSON ;x=y", codec.JSON},
		{"APPLICATION/MSGPACK", codec.Msgpack},
		{"", nil},
		{";", nil},
		{"application/jsonp", nil},
		{"text/plain", nil},
	}
	for _, tt := range tests {
		if got, ok := codec.ByContentType(tt.ct); got != tt.want || ok != (tt.want != nil) {
			t.Errorf("ByContentType(%q) = %v, %v, want %v", tt.ct, got, ok, tt.want)
		}
	}
}

func TestUnmarshalTarget(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, c codec.Codec) {
		body := marshal(t, c, 1)
		for _, v := range []any{nil, 1, (*int)(nil), struct{}{}, map[string]int{}} {
			if err := c.Unmarshal(body, v); err == nil || !strings.Contains(err.Error(), "pointer") {
				t.Errorf("Unmarshal(1, %#v) = %v, want an error about the pointer", v, err)
			}
		}
	})
}

// A codec must neither keep nor change what it is given, nor give away what it
// keeps.
func TestNoSharedMemory(t *testing.T) {
	t.Parallel()
	type value struct {
		S    string
		B    []byte
		Any  any
		Map  map[string][]byte
		Text textID
		Kept keeper
	}
	both(t, func(t *testing.T, c codec.Codec) {
		in := value{"text of the body", []byte("binary data"), "text in an any", map[string][]byte{"key": []byte("v")}, textID{"id-1"}, keeper{[]byte("kept")}}
		body := marshal(t, c, in)
		kept := bytes.Clone(body)
		var out value
		if err := c.Unmarshal(body, &out); err != nil {
			t.Fatalf("Unmarshal(%q) = %v", body, err)
		}
		if !bytes.Equal(body, kept) {
			t.Errorf("Unmarshal changed its data to %q, want %q", body, kept)
		}
		for i := range body {
			body[i] = 0xff
		}
		if !reflect.DeepEqual(out, in) {
			t.Errorf("after overwriting the body the value is %+v, want %+v", out, in)
		}
		// The next body comes from the same buffers.
		first := marshal(t, c, in)
		kept = bytes.Clone(first)
		marshal(t, c, strings.Repeat("x", len(first)))
		if !bytes.Equal(first, kept) {
			t.Errorf("a second Marshal changed the first body to %q, want %q", first, kept)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	type node struct {
		Name string
		Next *node
		Any  any
	}
	both(t, func(t *testing.T, c codec.Codec) {
		in := node{"a", &node{"b", nil, map[string]any{"k": "v"}}, []any{"x"}}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					var out node
					b, err := c.Marshal(in)
					if err == nil {
						err = c.Unmarshal(b, &out)
					}
					if err != nil || !reflect.DeepEqual(in, out) {
						t.Errorf("round trip = %+v, %v, want %+v", out, err, in)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// textID marshals as text only.
type textID struct{ id string }

func (x textID) MarshalText() ([]byte, error) { return []byte(x.id), nil }

func (x *textID) UnmarshalText(b []byte) error {
	x.id = string(b)
	return nil
}

// keeper breaks the contract of encoding.TextUnmarshaler: it keeps its argument.
type keeper struct{ b []byte }

func (k keeper) MarshalText() ([]byte, error) { return k.b, nil }

func (k *keeper) UnmarshalText(b []byte) error {
	k.b = b
	return nil
}

// explosive panics in every method.
type explosive struct{}

var errBoom = errors.New("boom")

func (explosive) MarshalText() ([]byte, error) { panic(errBoom) }

func (*explosive) UnmarshalText([]byte) error { panic(errBoom) }

func TestPanicsBecomeErrors(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, c codec.Codec) {
		if _, err := c.Marshal(struct{ X explosive }{}); !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "explosive") {
			t.Errorf("Marshal(explosive) = %v, want an error that wraps %v and names the type", err, errBoom)
		}
		var v struct{ X explosive }
		if err := c.Unmarshal(marshal(t, c, map[string]string{"X": ""}), &v); !errors.Is(err, errBoom) {
			t.Errorf("Unmarshal(explosive) = %v, want an error that wraps %v", err, errBoom)
		}
		if got := marshal(t, c, 1); len(got) != 1 {
			t.Errorf("Marshal(1) after a panic = %x, want one byte", got)
		}
	})
}
