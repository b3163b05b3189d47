package actor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/atasks-io/atasks/codec"
)

// What users bring, codecs, error types, functions, may panic. That costs a
// call or a report, never the process and never a slot.

// faultyCodec panics on some types.
type faultyCodec struct{ codec.Codec }

func (faultyCodec) ContentType() string { return "application/x-faulty" }

func (c faultyCodec) Marshal(v any) ([]byte, error) {
	if s, ok := v.([]string); ok && len(s) == 0 {
		panic("no strings")
	}
	return c.Codec.Marshal(v)
}

func (c faultyCodec) Unmarshal(body []byte, v any) error {
	if _, ok := v.(*countedError); ok {
		panic("no errors")
	}
	return c.Codec.Unmarshal(body, v)
}

type countedError struct{ N int }

func (countedError) Error() string { return "counted" }

func TestCodecPanicsOnAnInput(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[[]string, string]("strings")
		n := r.node(Config{Codec: faultyCodec{codec.JSON}}, Implement(task, func(context.Context, []string) (string, error) { return "", nil }))
		if _, err := Ask[[]string, string](n.under(), task, nil); !errors.Is(err, ErrBadInput) {
			t.Errorf("Ask() = %v, want %v", err, ErrBadInput)
		}
		checkIdle(t, n)
	})
}

func TestCodecPanicsOnACause(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[string, string]("counted")
		cfg := Config{Codec: faultyCodec{codec.JSON}, Errors: []ErrorType{TypedError[countedError]("counted")}}
		r.node(cfg, Implement(task, func(context.Context, string) (string, error) { return "", countedError{1} }))
		caller := r.node(cfg)
		_, err := Ask[string, string](caller.under(), task, "")
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != "failed" || e.Message != "counted" {
			t.Errorf("Ask() = %v, want the handler's error without its type", err)
		}
	})
}

func TestProgressFunctionPanics(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[string, string]("steps")
		n := r.node(Config{}, Implement(task, func(ctx context.Context, _ string) (string, error) {
			for i := range int64(3) {
				ReportProgress(ctx, i, 3, "")
				pause(100 * time.Millisecond)
			}
			return "", nil
		}))
		seen := make(chan int64, 3)
		_, err := Ask[string, string](n.under(), task, "", OnProgress(func(p Progress) {
			seen <- p.Done
			if p.Done == 1 {
				panic("not this one")
			}
		}))
		if err != nil {
			t.Errorf("Ask() = %v, want nil", err)
		}
		for want := range int64(3) {
			if got := <-seen; got != want {
				t.Errorf("report %d, want %d", got, want)
			}
		}
	})
}
