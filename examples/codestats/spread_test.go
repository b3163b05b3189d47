package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

func progressOf(done int64) atask.ProgressReport { return atask.ProgressReport{Done: done} }

// fleetOf makes processes that never started, one for each node.
func fleetOf(nodes ...string) *fleet {
	f := &fleet{}
	for i, n := range nodes {
		f.processes = append(f.processes, &process{number: i + 1, node: n, cmd: &exec.Cmd{Process: &os.Process{Pid: 1000 + i}}, ended: make(chan struct{})})
	}
	return f
}

func TestCheckSpread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		calls  []int
		killed int // number
		want   []string
	}{
		{"even", []int{250, 250, 250, 250}, 0, nil},
		{"a tenth", []int{300, 300, 300, 100}, 0, nil},
		{"less than a tenth", []int{301, 300, 300, 99}, 0, []string{"worker 4 (pid 1003) did 99 of 1,000 calls, less than one in 10"}},
		{"less than a tenth, killed", []int{301, 300, 300, 99}, 4, nil},
		{"nothing", []int{500, 0, 500, 0}, 0, []string{"worker 2", "worker 4"}},
		{"too few to judge", []int{199, 0, 0, 0}, 0, nil},
		{"just enough to judge", []int{200, 0, 0, 0}, 0, []string{"worker 2", "worker 3", "worker 4"}},
		{"many workers", []int{100, 100, 100, 100, 100, 100, 100, 100, 100, 50}, 0, nil},
		{"many workers, one idle", []int{105, 105, 105, 105, 105, 105, 105, 105, 105, 47}, 0, []string{"worker 10 (pid 1009) did 47 of 992 calls, less than one in 20"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			names := strings.Split("abcdefghijklmnop", "")[:len(tt.calls)]
			f := fleetOf(names...)
			o := outcome{workers: f.processes, part: Part{Work: map[string]Work{}}}
			for i, n := range tt.calls {
				o.part.Work[names[i]] = Work{Directories: n / 2, Batches: n - n/2}
			}
			if tt.killed > 0 {
				o.fault.victim = f.processes[tt.killed-1]
			}
			err := o.checkSpread()
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("checkSpread() of %v = %v, want %q", tt.calls, err, tt.want)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("checkSpread() of %v = %v, want %q", tt.calls, err, w)
				}
			}
		})
	}
}

func TestAim(t *testing.T) {
	t.Parallel()
	call := func(node, state string, depth int) actor.CallInfo {
		return actor.CallInfo{Node: node, State: state, Depth: depth}
	}
	f := fleetOf("a", "b", "c")
	for _, tt := range []struct {
		name  string
		calls []actor.CallInfo
		want  fault
	}{
		{"nobody", nil, fault{}},
		{"only the root's", []actor.CallInfo{call("a", "parked", 0), call("a", "running", 3)}, fault{}},
		{"the root's has most", []actor.CallInfo{
			call("a", "running", 1), call("a", "parked", 0), call("a", "running", 3), call("a", "running", 3), call("b", "waiting", 1),
		}, fault{victim: f.processes[1], waiting: 1}},
		{"the one with most", []actor.CallInfo{
			call("a", "parked", 0), call("b", "running", 1), call("c", "running", 1), call("c", "parked", 2), call("c", "waiting", 2), call("c", "waiting", 2),
		}, fault{victim: f.processes[2], running: 1, waiting: 2, parked: 1}},
		{"a stranger", []actor.CallInfo{call("x", "running", 1), call("x", "running", 1), call("b", "running", 1)}, fault{victim: f.processes[1], running: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := f.aim(tt.calls); got != tt.want {
				t.Errorf("aim(%v) = %+v, want %+v", tt.calls, got, tt.want)
			}
		})
	}
}

// TestFaultThatDidNotHappen wants a run to fail when the kill hit nothing.
func TestFaultThatDidNotHappen(t *testing.T) {
	t.Parallel()
	hit := fault{victim: fleetOf("a").processes[0], done: 500, total: 1000, running: 2}
	if err := hit.check(1); err != nil {
		t.Errorf("check(1) = %v, want nil", err)
	}
	if err := hit.check(0); err == nil || !strings.Contains(err.Error(), "the fault did not take place") {
		t.Errorf("check(0) = %v, want an error", err)
	}
}
