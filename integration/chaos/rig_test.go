package chaos

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// rig is the processes of one run, their journals, and what was done to them.
type rig struct {
	t       *testing.T
	dir     string
	raced   bool     // the processes carry the race detector, if the test does
	log     *journal // of this process: what it does to the others
	unwatch func()
	broker  broker

	mu      sync.Mutex // guards what follows
	faults  []*fault
	started []*process
	links   []*link
	names   map[string]int
}

// newRig starts a broker.
func newRig(t *testing.T, on fabric) *rig {
	t.Helper()
	r := bareRig(t)
	b, err := on.start(r)
	if err != nil {
		t.Fatal(err)
	}
	r.broker = b
	return r
}

// bareRig makes a rig without a broker. What belongs to it ends with the test;
// its files stay when the test has failed.
func bareRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "atasks-chaos-") //nolint:usetesting // t.TempDir goes also when the test has failed
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, names: make(map[string]int)}
	if r.log, err = openJournal(dir, theTest); err != nil {
		t.Fatal(err)
	}
	r.unwatch = r.log.watch()
	t.Cleanup(r.close)
	return r
}

// freeAddress returns an address that nobody listens on, for a server that is
// to come back there.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// close ends whatever is left.
func (r *rig) close() {
	r.mu.Lock()
	all, links := r.started, r.links
	r.mu.Unlock()
	var ending sync.WaitGroup
	for _, p := range all {
		ending.Go(func() {
			if p.running() {
				_ = p.cmd.Process.Kill() // those that the run cares for it has stopped itself
			}
			<-p.ended
		})
	}
	ending.Wait()
	for _, l := range links {
		if err := l.close(); err != nil {
			r.t.Error(err)
		}
	}
	if r.broker != nil {
		if err := r.broker.close(); err != nil {
			r.t.Error(err)
		}
	}
	r.unwatch()
	r.findRaces()
	_ = r.log.file.Close() // each line was written by itself
	if r.t.Failed() {
		r.t.Logf("journals, logs and faults are kept in %s", r.dir)
		return
	}
	if err := os.RemoveAll(r.dir); err != nil {
		r.t.Error(err)
	}
}

// findRaces reports what the race detector has found in the processes.
func (r *rig) findRaces() {
	logs, err := filepath.Glob(filepath.Join(r.dir, "*.log"))
	if err != nil {
		r.t.Error(err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			r.t.Error(err)
		}
		if _, race, found := bytes.Cut(text, []byte("WARNING: DATA RACE")); found {
			r.t.Errorf("a data race in %s:%s", filepath.Base(path), race[:min(len(race), 4<<10)])
		}
	}
}

// name numbers the processes of a kind: one that is started again is another.
func (r *rig) name(kind string) (string, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[kind]++
	return fmt.Sprintf("%s-%d", kind, r.names[kind]), uint64(r.names[kind])
}

func (r *rig) start(ro role) *process {
	r.t.Helper()
	ro.Raced = r.raced
	p, err := launch(ro)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started = append(r.started, p)
	return p
}

// worker starts a worker; without an URL it is connected to the broker.
func (r *rig) worker(w workerRole) *process {
	r.t.Helper()
	if w.URL == "" {
		w.URL = r.broker.url()
	}
	name, _ := r.name("worker")
	return r.start(role{Name: name, Dir: r.dir, Worker: &w})
}

// caller starts a caller; without an URL it is connected to the broker.
func (r *rig) caller(c callerRole) *process {
	r.t.Helper()
	if c.URL == "" {
		c.URL = r.broker.url()
	}
	var name string
	name, c.Number = r.name("caller")
	return r.start(role{Name: name, Dir: r.dir, Caller: &c})
}

// link makes a link to the broker.
func (r *rig) link() *link {
	r.t.Helper()
	l, err := newLink(r.broker.url())
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links = append(r.links, l)
	return l
}

// settle tells callers to begin no more calls, and waits until all that they
// had begun have ended.
func (r *rig) settle(callers ...*process) {
	r.t.Helper()
	for _, p := range callers {
		p.ask()
	}
	for _, p := range callers {
		if err := p.wait(); err != nil {
			r.t.Error(err)
		}
	}
}

// end cancels what callers still wait for, by ending them: the calls are of no
// more interest, and their workers are told.
func (r *rig) end(callers ...*process) {
	r.t.Helper()
	for _, p := range callers {
		r.kill(p)
	}
}

// finish settles the callers, adds the run up and checks it: what holds for
// every run, that something was in flight at every fault of a worker or the
// broker, and that at least floor calls a second ended well.
func (r *rig) finish(sum *tally, floor float64, callers ...*process) *history {
	r.t.Helper()
	var left []*process
	for _, p := range callers {
		if p.running() {
			left = append(left, p)
		}
	}
	r.settle(left...)
	h := r.history()
	sum.add(h)
	h.check(r.t)
	h.checkVacuity(r.t, floor)
	return h
}

// history reads what the journals say so far.
func (r *rig) history() *history {
	r.t.Helper()
	r.mu.Lock()
	faults := make([]fault, len(r.faults))
	for i, f := range r.faults {
		faults[i] = *f
	}
	r.mu.Unlock()
	h := newHistory(faults)
	paths, err := filepath.Glob(filepath.Join(r.dir, "*"+journalSuffix))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, path := range paths {
		name := filepath.Base(path[:len(path)-len(journalSuffix)])
		entries, err := readJournal(path)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range entries {
			h.add(name, e)
		}
	}
	h.order()
	return h
}

// await reads the journals until ok says so, and fails the test when that does
// not come.
func (r *rig) await(limit time.Duration, what string, ok func(*history) bool) *history {
	r.t.Helper()
	var h *history
	if !eventually(limit, func() bool { h = r.history(); return ok(h) }) {
		r.t.Fatalf("%s: not within %v; so far: %s", what, limit, h.summary())
	}
	return h
}
