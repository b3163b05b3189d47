package actor

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// membership is what a node knows of the nodes that host kinds, itself
// included. Hosts say so to all nodes every few seconds, when they begin and
// end to, and when somebody asks. Whoever looks for the owner of a key finds it
// here without asking anybody: it is a hint, and who is asked in vain says who
// else it is.
type membership struct {
	n    *Node
	view atomic.Pointer[view]

	mu      sync.Mutex // guards what follows; nothing is called with it
	members map[string]*hostRecord
	kinds   []string // that this node hosts
	leaving bool

	// Guarded by n.calls.mu.
	probe *probe
	asked instant
}

// hostRecord is what is known of a node that has said what it hosts.
type hostRecord struct {
	kinds  []string
	heard  instant
	struck instant // when it was first found to be gone; 0 when it was not
	asked  instant // when it was last asked whether it is there
	gone   bool
}

// view is the hosts of each kind at one time. It is never changed.
type view struct {
	hosts map[string][]host
	until instant // when the first of them expires
}

// host is a node that hosts a kind.
type host struct {
	node string
	seed uint64
}

const (
	announceEvery = 5 * time.Second
	memberExpires = 3 * announceEvery
	// goneAfter is how long a node stays found to be gone before it owns
	// nothing any more: in a cluster of brokers, word of a subscription takes a
	// moment.
	goneAfter = 20 * time.Millisecond
	// settleTime is how long a new host listens for the others before it is
	// one: they answer a question at once.
	settleTime = 25 * time.Millisecond
	// askHostsEvery bounds how often all nodes are asked who hosts what.
	askHostsEvery = 20 * time.Millisecond
)

// announcement is what a host says of itself.
type announcement struct {
	Node    string   `json:"node"`
	Kinds   []string `json:"kinds"`
	Leaving bool     `json:"leaving,omitempty"`
}

func newMembership(n *Node) *membership {
	m := &membership{n: n, members: make(map[string]*hostRecord)}
	m.view.Store(&view{until: never})
	return m
}

// never is an instant that does not come.
const never = instant(1<<63 - 1)

// owner returns the node that owns a key; "" when no host is known.
func (m *membership) owner(kind, key string) string {
	hosts := m.hosts(kind)
	if len(hosts) == 0 {
		return ""
	}
	best, top := 0, uint64(0)
	if len(hosts) > 1 {
		for i := range hosts {
			if score := wire.Score(hosts[i].seed, key); score > top || i == 0 {
				best, top = i, score
			}
		}
	}
	return hosts[best].node
}

// hosts returns the nodes that host a kind, ordered by ID.
func (m *membership) hosts(kind string) []host {
	v := m.view.Load()
	if v.until != never && m.n.clock.now() >= v.until {
		m.mu.Lock()
		m.viewLocked(m.n.clock.now())
		m.mu.Unlock()
		v = m.view.Load()
	}
	return v.hosts[kind]
}

// viewLocked works out who hosts what.
func (m *membership) viewLocked(now instant) {
	v := &view{hosts: make(map[string][]host), until: never}
	add := func(node string, kinds []string) {
		for _, kind := range kinds {
			v.hosts[kind] = append(v.hosts[kind], host{node, wire.HostSeed(node, kind)})
		}
	}
	for node, r := range m.members {
		expires := r.heard.add(memberExpires)
		if now >= expires {
			delete(m.members, node)
			continue
		}
		if !r.gone {
			v.until = min(v.until, expires)
			add(node, r.kinds)
		}
	}
	if !m.leaving {
		add(m.n.id, m.kinds)
	}
	for _, hosts := range v.hosts {
		slices.SortFunc(hosts, func(a, b host) int {
			if a.node < b.node {
				return -1
			}
			return 1
		})
	}
	m.view.Store(v)
}

// heard takes what a node says that it hosts.
func (m *membership) heard(a announcement) {
	if a.Node == m.n.id || wire.CheckNode(a.Node) != nil {
		return // calls would go to a subject of its own making
	}
	kinds := slices.DeleteFunc(a.Kinds, func(kind string) bool { return wire.CheckName(kind) != nil })
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	now := m.n.clock.now()
	m.mu.Lock()
	r := m.members[a.Node]
	switch {
	case a.Leaving || len(kinds) == 0:
		if r == nil {
			m.mu.Unlock()
			return
		}
		delete(m.members, a.Node)
	case r != nil && !r.gone && slices.Equal(r.kinds, kinds):
		r.heard, r.struck = now, 0
		m.mu.Unlock()
		return
	default:
		m.members[a.Node] = &hostRecord{kinds: kinds, heard: now}
	}
	m.viewLocked(now)
	m.mu.Unlock()
	m.n.worker.rehome()
}

// moved takes the word of a node that another one hosts a kind.
func (m *membership) moved(kind, node string) {
	if wire.CheckNode(node) != nil || node == m.n.id {
		return
	}
	now := m.n.clock.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.members[node]
	if r == nil {
		r = &hostRecord{heard: now}
		m.members[node] = r
	}
	if !slices.Contains(r.kinds, kind) {
		r.kinds = append(slices.Clone(r.kinds), kind)
		m.viewLocked(now)
	}
}

// missed takes note that nobody listens to a node's own subject. Found twice
// so, it owns nothing any more, until it says otherwise.
func (m *membership) missed(node string) {
	now := m.n.clock.now()
	m.mu.Lock()
	r := m.members[node]
	switch {
	case r == nil || r.gone:
	case r.struck == 0:
		r.struck = now
	case now.sub(r.struck) >= goneAfter:
		r.gone = true
		m.viewLocked(now)
		m.mu.Unlock()
		m.n.log.Warn("host gone", "host", node)
		m.n.worker.rehome()
		return
	}
	m.mu.Unlock()
}

// verify asks a host whether it is there, since somebody came to us instead.
func (m *membership) verify(node string) {
	now := m.n.clock.now()
	m.mu.Lock()
	r := m.members[node]
	if r == nil || r.gone || r.asked != 0 && now.sub(r.asked) < goneAfter {
		m.mu.Unlock()
		return
	}
	r.asked = now
	m.mu.Unlock()
	m.n.spawn(func() { m.ping(node) })
}

// ping asks a host whether it is there, and takes note when nobody is, or when
// it says nothing.
func (m *membership) ping(node string) {
	t := m.n.calls
	begun := m.n.clock.now()
	answered := make(chan bool, 1)
	t.mu.Lock()
	p, reply := t.probeLocked(func(_ wire.Frame, msg *transport.Message) {
		select {
		case answered <- msg.Status != transport.NoResponders:
		default:
		}
	})
	t.mu.Unlock()
	m.n.outbox.put(wire.NodeSubject(m.n.cfg.Namespace, node, wire.VerbPing), reply, nil)
	there, silent := true, false
	select {
	case there = <-answered:
	case <-time.After(m.n.cfg.LostAfter):
		silent = m.n.clock.now().sub(begun) < 2*m.n.cfg.LostAfter // otherwise it was this node that was frozen
	case <-m.n.stop:
	}
	t.mu.Lock()
	t.unprobeLocked(p)
	t.mu.Unlock()
	switch {
	case silent:
		m.silent(node)
	case !there:
		m.missed(node)
	}
}

// silent takes note that a node has been silent for so long that the calls it
// had are lost. It owns nothing until it is heard again.
func (m *membership) silent(node string) {
	m.mu.Lock()
	r := m.members[node]
	if r == nil || r.gone {
		m.mu.Unlock()
		return
	}
	r.gone = true
	m.viewLocked(m.n.clock.now())
	m.mu.Unlock()
	m.n.worker.rehome()
}

// ask asks all nodes what they host, unless that was done a moment ago.
func (m *membership) ask() {
	now := m.n.clock.now()
	t := m.n.calls
	t.mu.Lock()
	if t.closed || m.probe != nil && now.sub(m.asked) < askHostsEvery {
		t.mu.Unlock()
		return
	}
	m.asked = now
	t.unprobeLocked(m.probe)
	var reply string
	m.probe, reply = t.probeLocked(m.answered)
	t.mu.Unlock()
	m.n.outbox.put(wire.NodeSubject(m.n.cfg.Namespace, wire.AllNodes, wire.VerbPresent), reply, nil)
}

// answered takes what comes back.
func (m *membership) answered(frame wire.Frame, msg *transport.Message) {
	if frame == wire.FrameResult {
		m.parse(msg.Data)
	}
}

// present takes an announcement, or a question for one.
func (m *membership) present(msg *transport.Message, _ bool) {
	if len(msg.Data) > 0 {
		m.parse(msg.Data)
	}
	if msg.Reply == "" {
		return
	}
	if a, hosting := m.own(); hosting {
		m.n.answerJSON(msg.Reply, a)
	}
}

func (m *membership) parse(body []byte) {
	var a announcement
	if json.Unmarshal(body, &a) != nil {
		m.n.dropped(wire.VerbPresent, "an announcement that does not parse")
		return
	}
	m.heard(a)
}

// own is what this node says of itself, if it is a host.
func (m *membership) own() (announcement, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return announcement{Node: m.n.id, Kinds: m.kinds, Leaving: m.leaving}, len(m.kinds) > 0
}

// announce tells all nodes what this one hosts.
func (m *membership) announce() {
	a, hosting := m.own()
	if !hosting {
		return
	}
	body, err := json.Marshal(a)
	if err != nil {
		m.n.log.Error("announcement does not encode", "err", err)
		return
	}
	m.n.outbox.put(wire.NodeSubject(m.n.cfg.Namespace, wire.AllNodes, wire.VerbPresent), "", body)
}

// host makes this node one that hosts more kinds. It blocks for a moment, in
// which the others say who they are.
func (m *membership) host(kinds []string) {
	m.ask()
	select {
	case <-time.After(settleTime):
	case <-m.n.stop:
		return
	}
	m.mu.Lock()
	first := len(m.kinds) == 0
	m.kinds = append(slices.Clone(m.kinds), kinds...)
	m.viewLocked(m.n.clock.now())
	m.mu.Unlock()
	if first {
		m.n.spawn(m.run)
	}
	m.announce()
}

// leave takes this node out of the placement and says so.
func (m *membership) leave() {
	m.mu.Lock()
	if m.leaving || len(m.kinds) == 0 {
		m.mu.Unlock()
		return
	}
	m.leaving = true
	m.viewLocked(m.n.clock.now())
	m.mu.Unlock()
	m.announce()
}

// run announces this node until it stops.
func (m *membership) run() {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.announce()
		case <-m.n.stop:
			return
		}
	}
}
