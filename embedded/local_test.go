package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded"
)

var greet = atask.Define("greet", func(_ context.Context, name string) (string, error) {
	return "hello, " + name, nil
})

func ExampleLocal() {
	ctx := context.Background()
	node, err := embedded.Local(ctx, greet)
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	fmt.Println(greet.Await(node.Context(ctx), "gopher"))
	// Output: hello, gopher <nil>
}

// Closing the node stops the server too, and nothing is left of either. Not
// parallel: it counts goroutines.
func TestLocalLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		node, err := embedded.Local(t.Context(), greet)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := greet.Await(node.Context(t.Context()), "you"); got != "hello, you" || err != nil {
			t.Errorf("greet(you) = %q, %v, want hello, you, nil", got, err)
		}
		if err := node.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	}
	// The server's last goroutines end a moment after it has said so.
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines after, %d before:\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
	}
}

func TestLocalRefusesWhatCannotBeServed(t *testing.T) {
	t.Parallel()
	node, err := embedded.Local(t.Context(), greet, greet)
	if !errors.Is(err, actor.ErrDuplicate) || !strings.Contains(err.Error(), `"greet"`) {
		t.Errorf("Local(greet, greet) = %v, %v, want %v on greet", node, err, actor.ErrDuplicate)
	}
}
