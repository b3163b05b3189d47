package actor

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// detour leads calls around a worker that fell silent. The broker goes on
// feeding a frozen worker for as long as it holds its connection, so until
// that worker answers again or is gone, calls of the tasks that it had go by
// name to nodes that do answer.
type detour struct {
	t      *calls
	silent string // unknown when a call was lost before anyone accepted it
	begun  instant
	since  instant // the last loss that it is for
	asked  instant
	open   routes // nodes that answered
	next   routes // those that answered since they were last asked
	probe  *probe
}

// routes are, by task, the nodes that serve it.
type routes map[string][]string

func (r routes) add(task, node string) {
	if nodes := r[task]; !slices.Contains(nodes, node) {
		r[task] = append(nodes, node)
	}
}

func (r routes) remove(node string) {
	for task, nodes := range r {
		r[task] = slices.DeleteFunc(nodes, func(n string) bool { return n == node })
	}
}

const (
	detourRefresh = time.Second
	detourSettled = 10 * time.Second      // after that it is asked less often
	detourLongest = 10 * time.Minute      // by then every broker has closed the connection
	detourSearch  = 50 * time.Millisecond // for the first answers
)

// detourAroundLocked begins a detour around a worker that fell silent.
func (t *calls) detourAroundLocked(silent string, now instant) {
	d := t.detours[silent]
	if d == nil {
		d = &detour{t: t, silent: silent, begun: now, open: routes{}, next: routes{}}
		t.detours[silent] = d
		d.askLocked(now)
	}
	d.since = now
}

// refresh is how often the open nodes are asked for.
func (d *detour) refresh(now instant) time.Duration {
	if now.sub(d.begun) > detourSettled {
		return 5 * detourRefresh
	}
	return detourRefresh
}

// detourLocked returns a node to send a call of the task to, or "" for
// whoever the broker picks.
func (t *calls) detourLocked(task string) string {
	if mutant.NoDetour {
		return ""
	}
	now := t.n.clock.now()
	for silent, d := range t.detours {
		if !t.isDetourLocked(silent, now) {
			continue
		}
		if now.sub(d.asked) > d.refresh(now) {
			d.askLocked(now)
		}
		if nodes := d.open[task]; len(nodes) > 0 {
			return nodes[rand.IntN(len(nodes))]
		}
	}
	return ""
}

// isDetourLocked says whether calls are led around a worker. A detour that has
// lasted for too long ends here.
func (t *calls) isDetourLocked(silent string, now instant) bool {
	d := t.detours[silent]
	if d != nil && now.sub(d.since) > detourLongest {
		t.endDetourLocked(silent)
		return false
	}
	return d != nil
}

// endDetourLocked lets calls go to the worker again, if they went around it.
func (t *calls) endDetourLocked(silent string) {
	if d := t.detours[silent]; d != nil {
		t.unprobeLocked(d.probe)
		delete(t.detours, silent)
	}
}

// endDetoursLocked ends all detours when the connection is restored: a broker
// that was restarted has no frozen worker, and who was not back yet when it was
// asked about would get no calls until it is asked about again.
func (t *calls) endDetoursLocked() {
	for silent := range t.detours {
		t.endDetourLocked(silent)
	}
}

// closeRoutesLocked leads no more calls to a node that would not take one.
func (t *calls) closeRoutesLocked(node string) {
	for _, d := range t.detours {
		d.open.remove(node)
		d.next.remove(node)
	}
}

// askLocked asks all nodes what they serve. Those that answer are open.
func (d *detour) askLocked(now instant) {
	t := d.t
	t.unprobeLocked(d.probe)
	var reply string
	d.probe, reply = t.probeLocked(d.answered)
	d.asked = now
	if len(d.next) > 0 {
		d.open, d.next = d.next, routes{}
	}
	t.n.outbox.put(wire.NodeSubject(t.n.cfg.Namespace, wire.AllNodes, wire.VerbInfo), reply, nil)
}

// answered takes what one node says that it serves.
func (d *detour) answered(frame wire.Frame, m *transport.Message) {
	var info NodeInfo
	if frame != wire.FrameResult || json.Unmarshal(m.Data, &info) != nil || info.Node == d.silent || info.State != stateRunning {
		return
	}
	if wire.CheckNode(info.Node) != nil {
		return // calls would go to a subject of its own making
	}
	d.t.mu.Lock()
	defer d.t.mu.Unlock()
	for _, task := range info.Tasks {
		d.open.add(task.Name, info.Node)
		d.next.add(task.Name, info.Node)
	}
}
