package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// fault is an error at a place in a body or in a value.
type fault struct {
	path   string // such as ".items[3].count"; empty at the top
	offset int    // in the body; negative when there is none
	err    error
}

func (f *fault) Error() string {
	var b strings.Builder
	if path := strings.TrimPrefix(f.path, "."); path != "" {
		if len(path) > 200 { // of a value that holds itself, for example
			path = path[:100] + "…" + path[len(path)-90:]
		}
		b.WriteString(path)
		b.WriteString(": ")
	}
	b.WriteString(f.err.Error())
	if f.offset >= 0 {
		fmt.Fprintf(&b, " (byte %d)", f.offset)
	}
	return b.String()
}

func (f *fault) Unwrap() error { return f.err }

// faultAt returns a fault at an offset in the body.
func faultAt(offset int, format string, args ...any) error {
	return &fault{offset: offset, err: fmt.Errorf(format, args...)}
}

// within adds the step that leads to err to the front of its path. Paths are
// built while the recursion unwinds, so that success does not pay for them.
func within(err error, step string) error {
	f, ok := err.(*fault) //nolint:errorlint // a fault that err wraps is not ours to change
	if !ok {
		return &fault{path: step, offset: -1, err: err}
	}
	f.path = step + f.path
	return f
}

func withinField(err error, name string) error { return within(err, "."+name) }

func withinIndex(err error, i int) error { return within(err, "["+strconv.Itoa(i)+"]") }

// withinKey adds a step for a map key. Keys come from others, so they are
// quoted and cut.
func withinKey(err error, key reflect.Value) error {
	text := fmt.Sprint(key)
	if len(text) > 32 {
		text = text[:32] + "…"
	}
	return within(err, "["+strconv.QuoteToASCII(text)+"]")
}

// panicked is a panic of a method that a value's type brings, or of the
// library itself.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// marshalFailed and unmarshalFailed return the errors of Marshal and Unmarshal.
// They alone put the package's name in front.
func marshalFailed(format string, v any, err error) error {
	return fmt.Errorf("codec: encode %s as %s: %w", typeName(reflect.TypeOf(v)), format, err)
}

func unmarshalFailed(format string, v any, err error) error {
	t := reflect.TypeOf(v)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return fmt.Errorf("codec: decode %s into %s: %w", format, typeName(t), err)
}

func typeName(t reflect.Type) string {
	if t == nil {
		return "nil"
	}
	return strings.ReplaceAll(t.String(), "interface {}", "any")
}

// target returns what v points to.
func target(v any) (reflect.Value, error) {
	p := reflect.ValueOf(v)
	switch {
	case p.Kind() != reflect.Pointer:
		return reflect.Value{}, errors.New("the target is not a pointer; pass &v")
	case p.IsNil():
		return reflect.Value{}, errors.New("the target is a nil pointer")
	}
	return p.Elem(), nil
}
