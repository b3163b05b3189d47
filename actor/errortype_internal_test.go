package actor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
)

// Errors that travel in the tests below.
type (
	quotaError struct {
		Used, Limit int
		Who         string
	}
	pointerError struct{ Reason string }
	brokenError  struct{ C chan int } // does not encode
	sizedError   [2]int8
)

func (e quotaError) Error() string    { return fmt.Sprintf("%s used %d of %d", e.Who, e.Used, e.Limit) }
func (e *pointerError) Error() string { return e.Reason }
func (e brokenError) Error() string   { return "broken" }
func (e sizedError) Error() string    { return "sized" }

var errGone = errors.New("gone")

func TestNewErrorTypesRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		types []ErrorType
		want  string
	}{
		{"empty", []ErrorType{{}}, "empty ErrorType"},
		{"no code", []ErrorType{SentinelError("", io.EOF)}, "error code"},
		{"bad code", []ErrorType{SentinelError("no spaces", io.EOF)}, "error code"},
		{"line break", []ErrorType{SentinelError("a\r\nb", io.EOF)}, "error code"},
		{"long code", []ErrorType{SentinelError(strings.Repeat("a", 65), io.EOF)}, "error code"},
		{"nil error", []ErrorType{SentinelError("a", nil)}, "nil"},
		{"interface", []ErrorType{TypedError[error]("a")}, "interface"},
		{"twice", []ErrorType{SentinelError("a", io.EOF), TypedError[quotaError]("a")}, "twice"},
		{"failed", []ErrorType{SentinelError("failed", io.EOF)}, "protocol"},
		{"busy", []ErrorType{SentinelError("busy", io.EOF)}, "protocol"},
		{"deadline", []ErrorType{TypedError[quotaError]("deadline")}, "protocol"},
		{"of the caller's runtime", []ErrorType{SentinelError("bad_result", io.EOF)}, "protocol"},
		{"of entities", []ErrorType{SentinelError("conflict", io.EOF)}, "protocol"},
		{"moved", []ErrorType{SentinelError("moved", io.EOF)}, "protocol"},
	} {
		if _, err := newErrorTypes(tt.types); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("newErrorTypes(%s) = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if _, err := newErrorTypes([]ErrorType{SentinelError("eof", io.EOF), TypedError[*pointerError]("ptr")}); err != nil {
		t.Errorf("newErrorTypes(good) = %v, want nil", err)
	}
}

// registered makes the error types of one side.
func registered(t *testing.T, types ...ErrorType) errorTypes {
	t.Helper()
	r, err := newErrorTypes(types)
	if err != nil {
		t.Fatalf("newErrorTypes() = %v, want nil", err)
	}
	return r
}

// travel sends an error from a handler to its awaiter.
func travel(err error, c codec.Codec, from, to errorTypes) *Error {
	header, body := from.failure(err, c).Encode()
	f := wire.ParseFailure(header, body)
	e := &Error{Code: f.Code, Message: f.Message, permanent: f.Permanent}
	e.cause = to.cause(f, c)
	return e
}

func TestErrorsSurviveTheTrip(t *testing.T) {
	t.Parallel()
	both := registered(t, SentinelError("gone", errGone), TypedError[quotaError]("quota"), TypedError[*pointerError]("ptr"))
	quota := quotaError{5, 4, "a"}
	for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
		for _, tt := range []struct {
			err   error
			found func(error) bool
		}{
			{errGone, func(err error) bool { return errors.Is(err, errGone) }},
			{fmt.Errorf("row 7: %w", errGone), func(err error) bool { return errors.Is(err, errGone) }},
			{errors.Join(io.EOF, errGone), func(err error) bool { return errors.Is(err, errGone) }},
			{quota, func(err error) bool { e, ok := errors.AsType[quotaError](err); return ok && e == quota }},
			{fmt.Errorf("in: %w", &pointerError{"why"}), func(err error) bool { e, ok := errors.AsType[*pointerError](err); return ok && e.Reason == "why" }},
			{Permanent(errGone), func(err error) bool { return errors.Is(err, errGone) && isPermanent(err) }},
			{context.DeadlineExceeded, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
			{fmt.Errorf("x: %w", context.Canceled), func(err error) bool { return errors.Is(err, context.Canceled) }},
			{&Error{Code: wire.CodeBusy}, func(err error) bool { return errors.Is(err, ErrBusy) }},
			{fmt.Errorf("child: %w", &Error{Code: wire.CodeWorkerLost}), func(err error) bool { return errors.Is(err, ErrWorkerLost) }},
		} {
			got := travel(tt.err, c, both, both)
			if !tt.found(got) {
				t.Errorf("%s: %v arrives as %v, its cause is not found", c.ContentType(), tt.err, got)
			}
			if got.Code != wire.CodeFailed || got.Message != tt.err.Error() {
				t.Errorf("%s: %v arrives with code %q and message %q, want failed and the handler's text", c.ContentType(), tt.err, got.Code, got.Message)
			}
		}
	}
}

// TestErrorOfAChildIsNotTheRuntimes checks that a parent which passes on its
// child's error is not taken for a call that was never executed.
func TestErrorOfAChildIsNotTheRuntimes(t *testing.T) {
	t.Parallel()
	none := registered(t)
	f := none.failure(fmt.Errorf("child: %w", &Error{Code: wire.CodeBusy, Executed: ExecutedNo}), codec.Msgpack)
	if f.Code != wire.CodeFailed || f.Executed != wire.ExecutedYes || f.Cause != wire.CodeBusy {
		t.Errorf("failure(child's busy) = %+v, want failed, executed, with the cause busy", f)
	}
	f = none.failure(&Error{Code: "a_later_one", Executed: ExecutedNo}, codec.Msgpack)
	if f.Code != wire.CodeFailed || f.Cause != "" {
		t.Errorf("failure(child's unknown code) = %+v, want failed without a cause", f)
	}
}

func TestErrorTypePrecedence(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("%w and %w", errGone, quotaError{Used: 1})
	first := registered(t, SentinelError("gone", errGone), TypedError[quotaError]("quota"))
	if f := first.failure(err, codec.Msgpack); f.Cause != "gone" || f.Detail != nil {
		t.Errorf("failure() = cause %q, detail %x, want gone without", f.Cause, f.Detail)
	}
	second := registered(t, TypedError[quotaError]("quota"), SentinelError("gone", errGone))
	if f := second.failure(err, codec.Msgpack); f.Cause != "quota" || f.Detail == nil {
		t.Errorf("failure() = cause %q, detail %x, want quota with its encoding", f.Cause, f.Detail)
	}
	// A registered error comes before the runtime's own conditions, and one that
	// does not encode makes way for the next.
	canceled := registered(t, TypedError[brokenError]("broken"), SentinelError("stop", context.Canceled))
	if f := canceled.failure(errors.Join(context.Canceled, brokenError{}), codec.Msgpack); f.Cause != "stop" {
		t.Errorf("failure() = cause %q, want stop", f.Cause)
	}
}

func TestErrorTypesBelieveNobody(t *testing.T) {
	t.Parallel()
	r := registered(t, SentinelError("gone", errGone), TypedError[quotaError]("quota"), TypedError[*pointerError]("ptr"), TypedError[sizedError]("sized"))
	bomb := []byte{0xdd, 0xff, 0xff, 0xff, 0xff}
	for _, tt := range []struct {
		name string
		f    wire.Failure
		want error
	}{
		{"unknown cause", wire.Failure{Cause: "quota2"}, nil},
		{"sentinel with a detail", wire.Failure{Cause: "gone", Detail: bomb}, errGone},
		{"typed without a detail", wire.Failure{Cause: "quota"}, nil},
		{"typed, empty detail", wire.Failure{Cause: "quota", Detail: []byte{}}, nil},
		{"bomb", wire.Failure{Cause: "quota", Detail: bomb}, nil},
		{"deep", wire.Failure{Cause: "quota", Detail: []byte(strings.Repeat("\x91", 1<<20))}, nil},
		{"of another type", wire.Failure{Cause: "quota", Detail: []byte{0xa1, 'a'}}, nil},
		{"null for a pointer", wire.Failure{Cause: "ptr", Detail: []byte{0xc0}}, nil},
		{"out of range", wire.Failure{Cause: "sized", Detail: []byte{0x92, 0xcd, 0x01, 0x2c, 0x01}}, nil},
		{"the runtime's", wire.Failure{Cause: wire.CodeBusy}, ErrBusy},
		{"failed", wire.Failure{Cause: wire.CodeFailed}, nil},
	} {
		got := r.cause(&tt.f, codec.Msgpack)
		if got != tt.want { //nolint:errorlint // the very value is what is wanted
			t.Errorf("%s: cause() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestErrorWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e    *Error
		want string
	}{
		{&Error{Code: wire.CodeFailed, Message: "boom", Name: "a"}, `task "a": boom`},
		{&Error{Code: wire.CodeBusy, Message: "full", Name: "a"}, `task "a": workers busy: full`},
		{&Error{Code: wire.CodeWorkerLost}, "worker lost"},
		{&Error{Code: "a_later_one", Message: "x"}, `refused as "a_later_one": x`},
		{&Error{Code: wire.CodeFailed, Name: "a\x1b"}, `task "a\x1b": `},
	} {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("Error() = %q, want %q", got, tt.want)
		}
	}
	for code := range map[string]bool{
		wire.CodeNoWorker: true, wire.CodeBusy: true, wire.CodeDraining: true, wire.CodeDisconnected: true, wire.CodeWorkerLost: true,
		wire.CodeDeadline: true, wire.CodeCancelled: true, wire.CodeBadInput: true, wire.CodeTooDeep: true, wire.CodeTooLarge: true,
		wire.CodePanicked: true, codeBadResult: true, codeDenied: true, codeClosed: true, codeNoNode: true, codeNoLink: true, codeBadName: true,
	} {
		e := &Error{Code: code, cause: io.EOF}
		if !errors.Is(e, sentinel(code)) || !errors.Is(e, io.EOF) || sentinel(code) == errUnknownCode { //nolint:errorlint // identity is the question
			t.Errorf("an Error with code %q and a cause does not match both", code)
		}
	}
	if errors.Is(&Error{Code: wire.CodeFailed}, errUnknownCode) {
		t.Error("an Error with code failed matches a sentinel, want none")
	}
	if Permanent(nil) != nil {
		t.Error("Permanent(nil) is not nil")
	}
}
