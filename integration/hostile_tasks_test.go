package integration

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// record is an input that has something of everything.
type record struct {
	ID    int8              `json:"id"`
	Count uint32            `json:"count"`
	Name  string            `json:"name"`
	Data  []byte            `json:"data"`
	When  time.Time         `json:"when"`
	Wait  time.Duration     `json:"wait"`
	Ratio float64           `json:"ratio"`
	Tags  map[string]string `json:"tags"`
	More  []record          `json:"more"`
	Any   any               `json:"any"`
}

// Tasks for callers that mean no good: an input of each kind, and handlers
// that answer in each way.
var (
	anyTask     = atask.Declare[any, bool]("any")
	echoTask    = atask.Declare[any, any]("echo")
	recordTask  = atask.Declare[record, record]("record")
	recordsTask = atask.Declare[[]record, int]("records")
	numbersTask = atask.Declare[[]int64, int]("numbers")
	textTask    = atask.Declare[string, int]("text")
	bytesTask   = atask.Declare[[]byte, int]("bytes")
	voidTask    = atask.Declare[struct{}, struct{}]("void")
	failTask    = atask.Declare[any, any]("fail")
	slowTask    = atask.Declare[any, any]("slow")
	tidyTask    = atask.Declare[struct{}, bool]("tidy")
)

func openTasks() []actor.Servable {
	return []actor.Servable{
		anyTask.With(func(_ context.Context, v any) (bool, error) { return v != nil, nil }),
		echoTask.With(func(_ context.Context, v any) (any, error) { return v, nil }),
		recordTask.With(func(_ context.Context, r record) (record, error) { return r, nil }),
		recordsTask.With(func(_ context.Context, r []record) (int, error) { return len(r), nil }),
		numbersTask.With(func(_ context.Context, n []int64) (int, error) { return len(n), nil }),
		textTask.With(func(_ context.Context, s string) (int, error) { return len(s), nil }),
		bytesTask.With(func(_ context.Context, b []byte) (int, error) { return len(b), nil }),
		voidTask.With(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }),
		failTask.With(func(context.Context, any) (any, error) { return nil, errors.New("no") }),
		slowTask.With(slow),
		tidyTask.With(tidy),
	}
}

// tidy gives back what memory is free, so that what follows can be measured.
func tidy(context.Context, struct{}) (bool, error) {
	debug.FreeOSMemory()
	return true, nil
}

// slow takes long enough for its caller to be told who has the call, and
// reports progress.
func slow(ctx context.Context, v any) (any, error) {
	for i := range int64(3) {
		atask.Progress(ctx, i, 3, "step")
		select {
		case <-time.After(60 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return v, nil
}
