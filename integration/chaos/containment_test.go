package chaos

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// F8: a panic, a runtime.Goexit and an input that does not decode end their own
// call and no other, of many that run on the same node meanwhile, on few slots.
func TestOneCallHarmsNoOther(t *testing.T) {
	t.Parallel()
	harmsNoOther(t, startServer(t).URL())
}

func harmsNoOther(t *testing.T, url string) {
	const each = 100
	var (
		panics  = atask.Define("panics", func(context.Context, int) (int, error) { panic("on purpose") })
		goexits = atask.Define("goexits", func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil })
		fine    = atask.Define("fine", func(ctx context.Context, n int) (int, error) { return n, work(ctx, 50*time.Millisecond) })
	)
	startHere(t, url, actor.Config{Slots: 8}, panics, goexits, fine)
	caller := startHere(t, url, actor.Config{})
	ctx := caller.Context(t.Context())

	var all sync.WaitGroup
	for i := range each {
		all.Go(func() {
			if got, err := fine.Await(ctx, i); err != nil || got != i {
				t.Errorf("fine(%d) = %d, %v, want %d, nil", i, got, err, i)
			}
		})
		all.Go(func() {
			if _, err := panics.Await(ctx, i); !errors.Is(err, atask.ErrPanicked) {
				t.Errorf("panics(%d) = %v, want %v", i, err, atask.ErrPanicked)
			}
		})
		all.Go(func() {
			if _, err := goexits.Await(ctx, i); !errors.Is(err, atask.ErrPanicked) {
				t.Errorf("goexits(%d) = %v, want %v", i, err, atask.ErrPanicked)
			}
		})
		all.Go(func() {
			undecodable := []byte{0xdd, 0xff, 0xff, 0xff, 0xff} // an array that says it has four billion members
			if _, err := caller.Request(ctx, "fine", undecodable); !errors.Is(err, atask.ErrBadInput) {
				t.Errorf("fine(undecodable) = %v, want %v", err, atask.ErrBadInput)
			}
		})
	}
	all.Wait()
}
