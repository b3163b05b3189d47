package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fib(25) is a tree of 242,785 calls. Walked breadth-first it would fill the
// memory; deeper calls first keep it small.
func TestDeepTreeStaysSmall(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		withoutRace(t)
		return
	}
	const limit = 500 << 20
	srv := startServer(t)
	w := []*process{startWorker(t, srv.URL(), 1), startWorker(t, srv.URL(), 1)}
	ctx := startCaller(t, srv.URL())
	got, err := fibTask.Await(ctx, 25)
	if err != nil || got != 75025 {
		t.Fatalf("fib(25) = %d, %v, want 75025, nil", got, err)
	}
	for _, p := range w {
		if peak := p.peak(t); peak > limit {
			t.Errorf("worker %s held %d MiB at its peak, want at most %d", p.node, peak>>20, limit>>20)
		} else {
			t.Logf("worker %s held %d MiB at its peak", p.node, peak>>20)
		}
	}
	if peak := peakOf(t, os.Getpid()); peak > limit {
		t.Errorf("the caller and the server held %d MiB at their peak, want at most %d", peak>>20, limit>>20)
	}
}

// withoutRace runs the same test in a binary without the race detector, whose
// own memory would drown what is measured.
func withoutRace(t *testing.T) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "integration.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-race=false", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "-test.run", "^"+t.Name()+"$", "-test.v")
	out, err := run.CombinedOutput()
	t.Logf("without the race detector:\n%s", out)
	if err != nil {
		t.Errorf("%s: %v", run, err)
	}
}
