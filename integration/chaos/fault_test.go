package chaos

import (
	"fmt"
	"syscall"
	"time"
)

// The kinds of faults.
const (
	faultKill          = "kill"   // SIGKILL to a worker
	faultFreeze        = "freeze" // SIGSTOP, and SIGCONT at the end
	faultTerm          = "term"   // SIGTERM to a worker
	faultBrokerKill    = "broker-kill"
	faultBrokerRestart = "broker-term"
	faultCut           = "cut"   // of a link, mended at the end
	faultHole          = "hole"  // a link that goes silent
	faultDelay         = "delay" // a link that slows down
)

// everyone is the broker, whose faults everybody feels; theTest is this process.
const (
	everyone = "broker"
	theTest  = "test"
)

// fault is one that took place, from its first moment to that at which the
// victim was as before. One that is still on has no end.
type fault struct {
	kind     string
	target   string // the name of a process, or everyone
	from, to int64
}

// lingers is how long after its end a fault may still show: an answer that was
// lost at its last moment is missed some pings later.
const lingers = 5 * time.Second

// touches says whether the fault can have hurt what happened to a process
// between two moments.
func (f *fault) touches(name string, from, to int64) bool {
	return (f.target == everyone || f.target == name) && f.from <= to && (f.to == 0 || f.to+int64(lingers) >= from)
}

func (f *fault) String() string {
	return fmt.Sprintf("%s %s from %d to %d", f.kind, f.target, f.from, f.to)
}

// begun notes that a fault took place, and returns what notes its end.
func (r *rig) begun(kind, target string, at time.Time) (over func()) {
	f := &fault{kind: kind, target: target, from: r.log.stamp(at)}
	r.mu.Lock()
	r.faults = append(r.faults, f)
	r.mu.Unlock()
	r.log.addAt(at, didFault, 0, 0, kind, target)
	return func() {
		now := time.Now()
		r.mu.Lock()
		f.to = r.log.stamp(now)
		r.mu.Unlock()
		r.log.addAt(now, didMend, 0, 0, kind, target)
	}
}

// kill ends a process with SIGKILL.
func (r *rig) kill(p *process) {
	r.t.Helper()
	over := r.begun(faultKill, p.role.Name, time.Now())
	if err := p.kill(); err != nil {
		r.t.Fatal(err)
	}
	over()
}

// freeze stops a process for as long as it is told.
func (r *rig) freeze(p *process, d time.Duration) {
	r.t.Helper()
	over := r.begun(faultFreeze, p.role.Name, time.Now())
	if err := p.freeze(); err != nil {
		r.t.Fatal(err)
	}
	lastFor(d)
	if err := p.thaw(); err != nil {
		r.t.Fatal(err)
	}
	over()
}

// term asks a process to stop, and waits until it has, in good order.
func (r *rig) term(p *process) {
	r.t.Helper()
	over := r.begun(faultTerm, p.role.Name, time.Now())
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		r.t.Fatal(err)
	}
	over()
}

// restart ends the broker by a signal and starts another in its place after
// some time. It returns when that one is ready.
func (r *rig) restart(signal syscall.Signal, after time.Duration) {
	r.t.Helper()
	kind := faultBrokerRestart
	if signal == syscall.SIGKILL {
		kind = faultBrokerKill
	}
	over := r.begun(kind, everyone, time.Now())
	if err := r.broker.halt(signal); err != nil {
		r.t.Fatal(err)
	}
	lastFor(after)
	if err := r.broker.again(); err != nil {
		r.t.Fatal(err)
	}
	over()
}

// cut cuts the link of a process for as long as it is told.
func (r *rig) cut(l *link, p *process, d time.Duration) {
	r.t.Helper()
	// After another fault it may be on its way back.
	if !eventually(10*time.Second, func() bool { return l.connections() > 0 }) {
		r.t.Fatalf("the link of %s has no connection to cut", p.role.Name)
	}
	over := r.begun(faultCut, p.role.Name, time.Now())
	if n := l.cut(true); n == 0 {
		r.t.Errorf("the link of %s was cut while it had no connection", p.role.Name)
	}
	lastFor(d)
	l.mend()
	over()
}

// silence makes the link of a process a black hole for as long as it is told.
func (r *rig) silence(l *link, p *process, d time.Duration) {
	r.t.Helper()
	before := l.held.Load()
	over := r.begun(faultHole, p.role.Name, time.Now())
	l.silence(true)
	lastFor(d)
	l.silence(false)
	over()
	if l.held.Load() == before {
		r.t.Errorf("the link of %s was silent for %v, and nothing came that it could hold back", p.role.Name, d)
	}
}

// slow slows the link of a process down for as long as it is told.
func (r *rig) slow(l *link, p *process, by, d time.Duration) {
	r.t.Helper()
	before := l.delayed.Load()
	over := r.begun(faultDelay, p.role.Name, time.Now())
	l.slow(by)
	lastFor(d)
	l.slow(0)
	over()
	if l.delayed.Load() == before {
		r.t.Errorf("the link of %s was slow for %v, and nothing passed it", p.role.Name, d)
	}
}
