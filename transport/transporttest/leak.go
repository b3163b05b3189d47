package transporttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"runtime"
	"runtime/pprof"
	"strings"
)

// expectNoLeak runs fn and then waits until no goroutine is left that fn, or
// what it called, has started. Goroutines inherit the profiler labels of the
// one that starts them, so others that run beside the test do not confuse it.
func (f *fixture) expectNoLeak(fn func(ctx context.Context)) {
	f.Helper()
	label := rand.Text()
	pprof.Do(f.ctx, pprof.Labels("transporttest", label), fn)
	var left string
	f.eventuallyOr("goroutines to end", func() bool {
		left = goroutinesWith(label)
		return left == ""
	}, func() string { return left })
}

// goroutinesWith returns the stacks of the goroutines that carry the label.
func goroutinesWith(label string) string {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return err.Error()
	}
	var found []string
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(stack, label) {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

// yield gives other goroutines a chance to do what they must not do. It makes
// a failure likely where there is a fault, and causes none where there is not.
func (f *fixture) yield() {
	for range 100 {
		runtime.Gosched()
	}
}

// goroutineName is how stack dumps call the goroutine that asks.
func goroutineName() string {
	var buf [64]byte
	name, _, _ := strings.Cut(string(buf[:runtime.Stack(buf[:], false)]), " [")
	return name
}

// isParked says whether a goroutine waits for a channel or a condition, which
// it may do for as long as others please.
func isParked(name string) bool {
	for stack := range strings.SplitSeq(stacks(), "\n\n") {
		if state, ok := strings.CutPrefix(stack, name+" ["); ok {
			return strings.HasPrefix(state, "chan ") || strings.HasPrefix(state, "select") || strings.HasPrefix(state, "sync.Cond")
		}
	}
	return false
}

// stacks returns the stacks of all goroutines, of which there may be very many.
func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}
