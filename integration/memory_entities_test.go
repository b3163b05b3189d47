package integration

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// crumb is as little state as there can be.
type crumb struct{ N int64 }

// TestIdleEntitiesAreSmall is A6: an entity that has nothing to do costs its
// owner at most 1 KiB beside its state, and no goroutine.
func TestIdleEntitiesAreSmall(t *testing.T) {
	if raceEnabled {
		t.Parallel()
		withoutRace(t)
		return
	}
	for name, opts := range map[string][]actor.KindOption{
		"volatile": {actor.Volatile(), actor.IdleAfter(time.Hour)},
		"stored":   {actor.IdleAfter(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			const n, limit = 100_000, 1 << 10
			kind := actor.DeclareKind[crumb]("crumb", opts...)
			add := actor.Method[int64, int64](kind, "add")
			conn, err := loopback.New().Connect()
			if err != nil {
				t.Fatal(err)
			}
			node, err := actor.Start(t.Context(), conn, actor.Config{Activations: n})
			if err != nil {
				t.Fatal(err)
			}
			defer node.Close()
			if err := node.Serve(kind.With(add.With(func(c *crumb, _ context.Context, by int64) (int64, error) {
				c.N += by
				return c.N, nil
			}))); err != nil {
				t.Fatal(err)
			}
			ask := func(from, to int) {
				ctx := node.Context(t.Context())
				var group sync.WaitGroup
				for i := range 16 {
					group.Go(func() {
						for k := from + i; k < to; k += 16 {
							if _, err := add.Ask(ctx, "key-"+strconv.Itoa(k), 1); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
			}
			ask(0, 100) // what is needed once is there now
			heap, goroutines := settled()
			ask(100, n)
			after, running := settled()
			each := (after - heap) / (n - 100)
			// The store of this transport is in the same heap: a record, its key
			// and its place in a map.
			t.Logf("%s: %d bytes an entity, what the store keeps included; %d goroutines more", name, each, running-goroutines)
			if each > limit {
				t.Errorf("A6: an idle entity takes %d bytes, want at most %d", each, limit)
			}
			if running > goroutines+64 { // runners that are kept
				t.Errorf("A6: %d goroutines more with %d idle entities", running-goroutines, n)
			}
			infos, err := node.Nodes(t.Context(), 100*time.Millisecond)
			if err != nil || len(infos) != 1 || len(infos[0].Kinds) != 1 || infos[0].Kinds[0].Entities != n {
				t.Errorf("vacuous: the node has %+v, %v, want %d entities", infos, err, n)
			}
		})
	}
}

// settled is the heap when nothing is left to collect, and the goroutines.
func settled() (heap int64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}
