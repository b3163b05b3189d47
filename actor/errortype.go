package actor

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
)

// ErrorType lets one kind of error survive the trip from a handler to its
// awaiter. The same ErrorType goes into Config.Errors of both sides; a side
// that lacks it still sees code "failed" and the text.
//
// Only registered errors are ever made from what arrives: a peer cannot choose
// a Go type.
type ErrorType struct {
	code   string
	encode func(err error, c codec.Codec) (detail []byte, found bool)
	decode func(detail []byte, c codec.Codec) error // nil when the detail does not decode
	fault  string                                   // why it cannot be registered
}

// SentinelError makes errors.Is(got, err) true at the awaiter when it was true
// at the handler. code is what travels: 1 to 64 letters, digits, '_' and '-',
// unique among the registered errors and none of the protocol's own.
func SentinelError(code string, err error) ErrorType {
	t := ErrorType{
		code:   code,
		encode: func(got error, _ codec.Codec) ([]byte, bool) { return nil, errors.Is(got, err) },
		decode: func([]byte, codec.Codec) error { return err },
	}
	if err == nil {
		t.fault = "the error is nil"
	}
	return t
}

// TypedError makes errors.As find an E at the awaiter when it did at the
// handler. E travels through the codec of the reply, so what it must keep are
// exported fields. code is as in [SentinelError].
func TypedError[E error](code string) ErrorType {
	t := ErrorType{
		code: code,
		encode: func(got error, c codec.Codec) ([]byte, bool) {
			e, ok := errors.AsType[E](got)
			if !ok {
				return nil, false
			}
			detail, err := c.Marshal(e)
			return detail, err == nil
		},
		decode: func(detail []byte, c codec.Codec) error {
			var e E
			if c.Unmarshal(detail, &e) != nil {
				return nil //nolint:nilerr // the awaiter then has the text, without the type
			}
			if v := reflect.ValueOf(e); v.Kind() == reflect.Pointer && v.IsNil() {
				return nil
			}
			return e
		},
	}
	if reflect.TypeFor[E]().Kind() == reflect.Interface {
		t.fault = "the type is an interface, which cannot be decoded; name the concrete type"
	}
	return t
}

// errorTypes are the registered errors of a node, by order for encoding and
// by code for decoding.
type errorTypes struct {
	ordered []ErrorType
	byCode  map[string]ErrorType
}

func newErrorTypes(types []ErrorType) (errorTypes, error) {
	r := errorTypes{ordered: slices.Clone(types), byCode: make(map[string]ErrorType, len(types))}
	for _, t := range types {
		if t.encode == nil {
			return r, errors.New("Config.Errors holds an empty ErrorType: make it with SentinelError or TypedError")
		}
		if err := wire.CheckToken("error code", t.code); err != nil {
			return r, fmt.Errorf("Config.Errors: %w", err)
		}
		if t.fault != "" {
			return r, fmt.Errorf("Config.Errors: error code %q: %s", t.code, t.fault)
		}
		if isProtocolCode(t.code) {
			return r, fmt.Errorf("Config.Errors: error code %q is one of the protocol's own: choose another", t.code)
		}
		if _, dup := r.byCode[t.code]; dup {
			return r, fmt.Errorf("Config.Errors: error code %q is registered twice: choose another for one of them", t.code)
		}
		r.byCode[t.code] = t
	}
	return r, nil
}

// isProtocolCode says whether a code has a meaning of its own.
func isProtocolCode(code string) bool {
	switch code {
	case wire.CodeFailed, wire.CodeMoved, wire.CodeConflict, wire.CodeUnsaved, wire.CodeCycle:
		return true
	default:
		return sentinel(code) != errUnknownCode //nolint:errorlint // identity is the question
	}
}

// failure turns a handler's error into what travels. Whatever a handler
// returns is "failed", even when it passes on an error of the runtime.
func (r errorTypes) failure(err error, c codec.Codec) *wire.Failure {
	f := &wire.Failure{
		Code:      wire.CodeFailed,
		Executed:  wire.ExecutedYes,
		Permanent: isPermanent(err),
		Message:   err.Error(),
	}
	for _, t := range r.ordered {
		if detail, found := t.encode(err, c); found {
			f.Cause, f.Detail = t.code, detail
			return f
		}
	}
	f.Cause = runtimeCode(err)
	return f
}

// cause makes the error that a failure of a handler wrapped, or nil.
func (r errorTypes) cause(f *wire.Failure, c codec.Codec) (cause error) {
	defer func() {
		if recover() != nil { // a codec or a type of the user's
			cause = nil
		}
	}()
	if f.Cause == "" {
		return nil
	}
	if t, ok := r.byCode[f.Cause]; ok {
		return t.decode(f.Detail, c)
	}
	if err := sentinel(f.Cause); err != errUnknownCode { //nolint:errorlint // identity is the question
		return err
	}
	return nil
}
