package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	chaosTime = flag.Duration("chaos", 0, "how long TestChaos runs; 0 is its short form")
	chaosSeed = flag.Uint64("seed", 0, "what TestChaos draws its faults from; 0 draws a new one")
)

func TestMain(m *testing.M) {
	spec := os.Getenv(roleVar)
	if spec == "" {
		code := m.Run()
		plain.remove()
		os.Exit(code)
	}
	if err := play(spec); err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(1)
	}
}

// binary is the test binary that plays the parts.
type binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

var plain binary

// get returns this binary or, where that carries the race detector, one that
// does not: its cost would drown what is measured.
func (b *binary) get() (string, error) {
	b.once.Do(func() {
		if !raceEnabled {
			b.path, b.err = os.Executable()
			return
		}
		if b.dir, b.err = os.MkdirTemp("", "atasks-chaos-binary-"); b.err != nil {
			return
		}
		b.path = filepath.Join(b.dir, "chaos.test")
		build := exec.CommandContext(context.Background(), "go", "test", "-c", "-race=false", "-o", b.path, ".")
		if out, err := build.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("%s: %w\n%s", build, err, out)
		}
	})
	return b.path, b.err
}

func (b *binary) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a directory for temporary files; nobody is left to tell
	}
}

// eventually waits until ok says so, at most for limit.
func eventually(limit time.Duration, ok func() bool) bool {
	end := time.Now().Add(limit)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for !ok() {
		if time.Now().After(end) {
			return false
		}
		<-pause.C
	}
	return true
}

// lastFor is the duration of a fault or a phase, the one thing that a fault
// test waits for by the clock.
func lastFor(d time.Duration) {
	<-time.After(d)
}
