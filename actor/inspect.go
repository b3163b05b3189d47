package actor

import (
	"cmp"
	"context"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// ProtocolVersion is the version of the wire protocol that this package
// speaks.
const ProtocolVersion = 1

// NodeInfo is what a node says of itself.
type NodeInfo struct {
	Node      string     `json:"node"`
	Namespace string     `json:"namespace"`
	Group     string     `json:"group"`
	Protocol  int        `json:"protocol"`
	Version   string     `json:"version"` // of the program
	Library   string     `json:"library"` // the version of this module, where the build knows it
	Go        string     `json:"go"`
	Transport string     `json:"transport"`
	State     string     `json:"state"` // running, draining
	UptimeMS  int64      `json:"uptime_ms"`
	Slots     int        `json:"slots"`
	Running   int        `json:"running"`
	Waiting   int        `json:"waiting"`
	Parked    int        `json:"parked"`
	Awaited   int        `json:"awaited"` // calls that this node awaits from others
	Dropped   uint64     `json:"dropped"` // messages that were not of the protocol
	Tasks     []TaskInfo `json:"tasks"`
	Kinds     []KindInfo `json:"kinds,omitempty"`

	Process *ProcessInfo `json:"process,omitempty"`
	// Left out says what did not fit into a message: recent, last_error, tasks, kinds.
	LeftOut []string `json:"left_out,omitempty"`
}

// TaskInfo is what a node says of a task that it serves.
type TaskInfo struct {
	Name      string `json:"name"`
	Limit     int    `json:"limit,omitempty"` // executing at once here; 0 for none
	Calls     uint64 `json:"calls"`           // that ended
	Failures  uint64 `json:"failures"`
	BusyMS    int64  `json:"busy_ms"` // the handlers' time, awaits included
	LastError string `json:"last_error,omitempty"`

	Recent *RecentCalls `json:"recent,omitempty"` // nil when there was no call lately
}

// CallInfo is one row of what a node executes or awaits.
type CallInfo struct {
	ID        string    `json:"id"`
	Task      string    `json:"task"`
	Namespace string    `json:"namespace"`
	Node      string    `json:"node"`             // that says so
	Caller    string    `json:"caller,omitempty"` // who awaits it
	Parent    string    `json:"parent,omitempty"` // the call whose handler made it
	Worker    string    `json:"worker,omitempty"` // of an awaited call, once accepted
	State     string    `json:"state"`            // waiting, running, parked; of an awaited call held, sent, accepted
	Depth     int       `json:"depth"`
	Attempt   int       `json:"attempt"`
	AgeMS     int64     `json:"age_ms"`
	LeftMS    *int64    `json:"left_ms,omitempty"` // of its budget
	Entity    string    `json:"entity,omitempty"`  // the key of the entity that it is a message to
	Progress  *Progress `json:"progress,omitempty"`

	// What Survey adds.
	Key       string `json:"key,omitempty"`        // unique in the namespace
	ParentKey string `json:"parent_key,omitempty"` // of the call whose handler made it
	Awaited   bool   `json:"awaited,omitempty"`    // by a node that is there
}

// psRequest bounds an answer to ps. The zero value asks for the first page.
type psRequest struct {
	Limit int    `json:"limit"` // rows of each kind at most; default and most maxRows
	After string `json:"after"` // the ID after which to go on
}

// psAnswer is what a node executes and awaits, each ordered by ID and complete
// up to the greatest ID in the answer.
type psAnswer struct {
	Node      string     `json:"node"`
	Executing []CallInfo `json:"executing"`
	Awaiting  []CallInfo `json:"awaiting"`
	More      bool       `json:"more"` // ask again with the greatest ID
}

const maxRows = 1000

type stackAnswer struct {
	Node       string `json:"node"`
	Goroutines string `json:"goroutines"`
}

type drainAnswer struct {
	Node  string `json:"node"`
	State string `json:"state"`
}

// inspect answers the verbs that look.
func (n *Node) inspect(verb string, body []byte) any {
	switch verb {
	case wire.VerbPs:
		var q psRequest
		if len(body) > 0 && json.Unmarshal(body, &q) != nil {
			return errorAnswer{"ps takes an empty body or {\"limit\":n,\"after\":id}"}
		}
		return n.psThatFits(q)
	case wire.VerbStack:
		return stackAnswer{Node: n.id, Goroutines: stacks(n.maxPayload())}
	default:
		return n.infoThatFits()
	}
}

type errorAnswer struct {
	Error string `json:"error"`
}

// infoThatFits describes this node in what a message carries.
func (n *Node) infoThatFits() NodeInfo {
	i := n.info()
	limit := n.maxPayload()
	fits := func() bool {
		body, err := json.Marshal(i)
		return err != nil || limit == 0 || len(body) <= limit
	}
	for _, leaveOut := range []struct {
		what string
		do   func()
	}{
		{"recent", func() {
			for k := range i.Tasks {
				i.Tasks[k].Recent = nil
			}
			for _, k := range i.Kinds {
				for m := range k.Methods {
					k.Methods[m].Recent = nil
				}
			}
		}},
		{"last_error", func() {
			for k := range i.Tasks {
				i.Tasks[k].LastError = ""
			}
			for _, k := range i.Kinds {
				for m := range k.Methods {
					k.Methods[m].LastError = ""
				}
			}
		}},
		{"tasks", func() {
			for len(i.Tasks) > 0 && !fits() {
				i.Tasks = i.Tasks[:len(i.Tasks)/2]
			}
		}},
		{"kinds", func() {
			for len(i.Kinds) > 0 && !fits() {
				i.Kinds = i.Kinds[:len(i.Kinds)/2]
			}
		}},
	} {
		if fits() {
			break
		}
		i.LeftOut = append(i.LeftOut, leaveOut.what)
		leaveOut.do()
	}
	return i
}

// info describes this node.
func (n *Node) info() NodeInfo {
	n.calls.mu.Lock()
	awaited := len(n.calls.pending)
	n.calls.mu.Unlock()
	state := n.phaseNow().String()
	process := processInfo()
	now := n.clock.now()
	w := n.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	i := NodeInfo{
		Node: n.id, Namespace: n.cfg.Namespace, Group: n.cfg.Group,
		Protocol: ProtocolVersion, Version: n.cfg.Version, Library: libraryVersion(), Go: runtime.Version(),
		Transport: n.features.Load().Transport,
		State:     state,
		UptimeMS:  time.Since(n.clock.start).Milliseconds(),
		Slots:     w.slots.total, Running: w.slots.taken, Waiting: w.waitingLocked(), Parked: w.inHand - w.slots.taken - w.waitingLocked(),
		Awaited: awaited, Dropped: n.strays.Load(),
		Tasks:   make([]TaskInfo, 0, len(w.services)),
		Process: process,
	}
	for _, s := range w.services {
		i.Tasks = append(i.Tasks, s.infoLocked(s.name, now))
	}
	for _, h := range w.kinds {
		i.Kinds = append(i.Kinds, h.infoLocked(now))
	}
	slices.SortFunc(i.Tasks, func(a, b TaskInfo) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(i.Kinds, func(a, b KindInfo) int { return cmp.Compare(a.Name, b.Name) })
	return i
}

// libraryVersion is this module's version as the build recorded it.
func libraryVersion() string {
	const module = "github.com/atasks-io/atasks"
	if b, ok := debug.ReadBuildInfo(); ok {
		if b.Main.Path == module {
			return b.Main.Version
		}
		for _, d := range b.Deps {
			if d.Path == module {
				return d.Version
			}
		}
	}
	return "unknown"
}

// ps lists what this node executes and awaits.
func (n *Node) ps(q psRequest) psAnswer {
	if q.Limit <= 0 || q.Limit > maxRows {
		q.Limit = maxRows
	}
	now := n.clock.now()
	executing, moreExecuting := page(n.worker.rows(now), q)
	awaiting, moreAwaiting := page(n.calls.rows(now), q)
	a := psAnswer{Node: n.id, Executing: executing, Awaiting: awaiting, More: moreExecuting || moreAwaiting}
	// Who asks again has one ID to go on after, for both.
	if moreExecuting {
		a.Awaiting = upTo(awaiting, executing)
	}
	if moreAwaiting {
		a.Executing = upTo(executing, awaiting)
	}
	return a
}

// psThatFits answers ps with as many rows as a message carries.
func (n *Node) psThatFits(q psRequest) psAnswer {
	for {
		a := n.ps(q)
		body, err := json.Marshal(a)
		limit := n.maxPayload()
		if err != nil || limit == 0 || len(body) <= limit || q.Limit == 1 {
			return a
		}
		q.Limit = max(1, max(len(a.Executing), len(a.Awaiting))/2)
	}
}

// upTo cuts rows after the last of those that bound them.
func upTo(rows, bound []CallInfo) []CallInfo {
	if len(bound) == 0 {
		return rows
	}
	last := bound[len(bound)-1].ID
	end, _ := slices.BinarySearchFunc(rows, last, func(r CallInfo, id string) int {
		if r.ID <= id {
			return -1
		}
		return 1
	})
	return rows[:end]
}

// page orders rows and returns those that were asked for.
func page(rows []CallInfo, q psRequest) ([]CallInfo, bool) {
	slices.SortFunc(rows, func(a, b CallInfo) int { return cmp.Compare(a.ID, b.ID) })
	from, _ := slices.BinarySearchFunc(rows, q.After, func(r CallInfo, id string) int {
		if r.ID <= id {
			return -1
		}
		return 1
	})
	rows = rows[from:]
	if len(rows) > q.Limit {
		return rows[:q.Limit], true
	}
	return rows, false
}

// rows describes what is in hand.
func (w *worker) rows(now instant) []CallInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	rows := make([]CallInfo, 0, w.inHand)
	for ex := w.first; ex != nil; ex = ex.next {
		r := CallInfo{
			ID: ex.id(), Task: ex.service.name, Namespace: w.n.cfg.Namespace, Node: w.n.id, Caller: ex.caller,
			State: ex.state.String(), Depth: ex.depth, Attempt: int(ex.attempt), AgeMS: now.sub(ex.arrived).Milliseconds(),
			LeftMS: left(ex.deadline, now),
		}
		if ex.entity != nil {
			r.Entity = ex.entity.key
		}
		if ex.awaiter != nil && ex.awaiter.parent != nil {
			r.Parent = ex.awaiter.parent.id()
		}
		if ex.reported != nil {
			p := ex.reported.latest
			r.Progress = &p
		}
		rows = append(rows, r)
	}
	return rows
}

// rows describes what is awaited from others.
func (t *calls) rows(now instant) []CallInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make([]CallInfo, 0, len(t.pending))
	for _, c := range t.pending {
		if c.overLocked() {
			continue
		}
		r := CallInfo{
			ID: c.id(), Task: c.target.name, Namespace: t.n.cfg.Namespace, Node: t.n.id, Caller: t.n.id,
			State: c.state.String(), Depth: int(c.depth), Attempt: int(c.attempt), AgeMS: now.sub(c.begun).Milliseconds(),
			LeftMS: left(c.deadline, now),
		}
		if c.to != nil {
			r.Entity = c.to.key
		}
		if c.parent != nil {
			r.Parent = c.parent.id()
		}
		if c.peer != nil {
			r.Worker = c.peer.node
		}
		rows = append(rows, r)
	}
	return rows
}

// left is what remains of a budget in milliseconds.
func left(deadline, now instant) *int64 {
	if deadline == 0 {
		return nil
	}
	ms := max(0, deadline.sub(now).Milliseconds())
	return &ms
}

// stacks returns the stacks of this process's goroutines, cut to what a
// message holds.
func stacks(limit int) string {
	size := 512 << 10
	if limit > 0 {
		size = min(size, limit/2) // JSON escapes some
	}
	b := make([]byte, size)
	return strings.ToValidUTF8(string(b[:runtime.Stack(b, true)]), "")
}

// Nodes asks all nodes of the namespace to describe themselves and returns
// what came back within wait, ordered by ID. It blocks that long, or until ctx
// ends. This node is among them.
func (n *Node) Nodes(ctx context.Context, wait time.Duration) ([]NodeInfo, error) {
	infos, err := scatter[NodeInfo](ctx, n, wire.VerbInfo, wait)
	slices.SortFunc(infos, func(a, b NodeInfo) int { return cmp.Compare(a.Node, b.Node) })
	return infos, err
}

// Calls asks all nodes of the namespace what they execute, and returns the
// first 1000 calls of each that answered within wait, ordered by age, oldest
// first. It blocks that long, or until ctx ends.
func (n *Node) Calls(ctx context.Context, wait time.Duration) ([]CallInfo, error) {
	answers, err := scatter[psAnswer](ctx, n, wire.VerbPs, wait)
	parents := make(map[string]string)
	var calls []CallInfo
	for _, a := range answers {
		for _, c := range a.Awaiting {
			if c.Parent != "" {
				parents[c.ID] = c.Parent
			}
		}
		calls = append(calls, a.Executing...)
	}
	for i := range calls {
		if calls[i].Parent == "" {
			calls[i].Parent = parents[calls[i].ID]
		}
	}
	slices.SortFunc(calls, func(a, b CallInfo) int {
		return cmp.Or(cmp.Compare(b.AgeMS, a.AgeMS), cmp.Compare(a.ID, b.ID))
	})
	return calls, err
}
