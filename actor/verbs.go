package actor

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// verb is what a node does with one kind of message to its own subject.
type verb struct {
	toAll  bool // may be sent to all nodes; otherwise a slip would reach a whole namespace
	handle func(m *transport.Message, toAll bool)
}

// knownVerbs are those of the protocol.
func (n *Node) knownVerbs() map[string]verb {
	return map[string]verb{
		wire.VerbPresent: {toAll: true, handle: n.members.present},
		wire.VerbEntities: {toAll: true, handle: func(m *transport.Message, _ bool) {
			q := bytes.Clone(m.Data[:min(len(m.Data), 4<<10)])
			n.inspector.ask(m, func() any { return n.entitiesThatFit(q) })
		}},
		wire.VerbRelease: {handle: n.released},
		wire.VerbPing:    {toAll: true, handle: n.answerPing},
		wire.VerbInfo:    {toAll: true, handle: n.inspects(wire.VerbInfo)},
		wire.VerbPs:      {toAll: true, handle: n.inspects(wire.VerbPs)},
		wire.VerbCancel: {handle: func(m *transport.Message, _ bool) {
			n.cancelled(m.Data)
			n.answer(m.Reply, nil)
		}},
		wire.VerbAwaits: {handle: func(m *transport.Message, _ bool) {
			n.answer(m.Reply, n.calls.stillAwaited(string(m.Data)))
		}},
		wire.VerbStack: {handle: n.inspects(wire.VerbStack)},
		wire.VerbDrain: {handle: n.drainTold},
		wire.VerbSchema: {handle: func(m *transport.Message, _ bool) {
			task := string(m.Data[:min(len(m.Data), 256)]) // longer than any name
			n.inspector.ask(m, func() any { return n.schemaOf(task) })
		}},
		wire.VerbWatch: {toAll: true, handle: func(m *transport.Message, _ bool) { n.feed.watched(m) }},
	}
}

// private takes what is sent to this node, or to all nodes. It runs on a
// goroutine of its own, so that pings are answered however many calls wait;
// what takes longer than a moment is left to another.
func (n *Node) private(m *transport.Message) {
	name, task, ok := wire.ParseNodeSubject(m.Subject)
	if !ok {
		n.dropped(m.Subject, "not a verb")
		return
	}
	toAll := strings.HasPrefix(m.Subject, wire.NodeSubject(n.cfg.Namespace, wire.AllNodes, ""))
	if task != "" {
		if toAll {
			n.dropped(m.Subject, "a call for all nodes")
			return
		}
		n.directCall(task, m)
		return
	}
	if kind, method, key, found, ok := wire.ParseAsk(name); found {
		if toAll || !ok {
			n.dropped(m.Subject, "a message to no entity")
			return
		}
		n.directAsk(kind, method, key, m)
		return
	}
	v, known := n.verbs[name]
	switch {
	case !known:
		n.dropped(m.Subject, "unknown verb")
	case toAll && !v.toAll:
		n.dropped(m.Subject, "a verb that is not for all nodes")
	default:
		v.handle(m, toAll)
	}
}

// inspects handles a verb that looks.
func (n *Node) inspects(verb string) func(m *transport.Message, _ bool) {
	return func(m *transport.Message, _ bool) {
		const most = 4 << 10 // of what such a question says; what is cut does not parse
		body := bytes.Clone(m.Data[:min(len(m.Data), most)])
		n.inspector.ask(m, func() any { return n.inspect(verb, body) })
	}
}

// drainTold begins to drain, once however often it is told.
func (n *Node) drainTold(m *transport.Message, _ bool) {
	n.answerJSON(m.Reply, drainAnswer{Node: n.id, State: phaseDraining.String()})
	if n.drainAsked.CompareAndSwap(false, true) {
		go func() { _ = n.drainWithin("Config.DrainTimeout", n.cfg.DrainTimeout) }() // waits for this very goroutine; Done tells when it is over
	}
}

// directCall takes a call that was sent to this node by name.
func (n *Node) directCall(task string, m *transport.Message) {
	w := n.worker
	w.mu.Lock()
	s, draining := w.services[task], w.draining
	w.mu.Unlock()
	f := &wire.Failure{Code: wire.CodeNoWorker, Executed: wire.ExecutedNo, Message: "node " + n.id + " does not serve it"}
	switch {
	case s == nil:
	case draining:
		f.Code, f.Message = wire.CodeDraining, "node "+n.id+" is stopping"
	default:
		w.receive(s, m, nil)
		return
	}
	n.refuseMessage(m, f)
}

// refuseMessage answers a message that this node does not take as a call.
func (n *Node) refuseMessage(m *transport.Message, f *wire.Failure) {
	header, body := f.Encode()
	if a, _, native := wire.ParseAddress(n.cfg.Namespace, m.Reply); native {
		n.reply(wire.FrameSubject(a.Inbox, wire.SuffixError), a.Call, header, body)
	} else if n.isForeign(m.Reply) {
		n.reply(m.Reply, "", header, body)
	} else {
		n.dropped(m.Subject, "a call with a return address that is neither ours nor a client's inbox")
	}
}

// answerPing says that this node lives, and which of the named calls it does
// not have. A question to all nodes about calls is answered by their accepted
// frames alone.
func (n *Node) answerPing(m *transport.Message, toAll bool) {
	now := n.clock.now()
	address, _, native := wire.ParseAddress(n.cfg.Namespace, m.Reply)
	if toAll && native && len(m.Data) > 0 {
		n.worker.askedBy(address.Node, string(m.Data), now)
		return
	}
	body := []byte(n.id)
	if native {
		if unknown := n.worker.heardFrom(address.Node, string(m.Data), now); len(m.Data) > 0 {
			body = unknown
		}
	}
	n.answer(m.Reply, body)
}

// isForeign says whether a reply subject is an inbox of the fabric's own
// clients.
func (n *Node) isForeign(reply string) bool {
	for _, prefix := range n.replyPrefixes() {
		if strings.HasPrefix(reply, prefix) && transport.CheckSubject(reply, false) == nil {
			return true
		}
	}
	return false
}

// answer sends the answer to a verb, to addresses that may have one.
func (n *Node) answer(reply string, body []byte) {
	if reply == "" {
		return
	}
	if a, _, native := wire.ParseAddress(n.cfg.Namespace, reply); native {
		n.reply(wire.FrameSubject(a.Inbox, wire.SuffixResult), a.Call, nil, body)
		return
	}
	if n.isForeign(reply) {
		n.reply(reply, "", nil, body)
		return
	}
	n.dropped(reply, "a question with a return address that is neither ours nor a client's inbox")
}

func (n *Node) answerJSON(reply string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		n.log.Error("answer does not encode", "err", err)
		return
	}
	n.answer(reply, body)
}

func (n *Node) reply(subject, call string, header transport.Header, body []byte) {
	if err := n.publish(subject, call, header, body); err != nil {
		n.log.Debug("answer not sent", "subject", subject, "err", err)
	}
}
