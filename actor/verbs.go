package actor

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// private takes what is sent to this node, or to all nodes. It runs on a
// goroutine of its own, so that pings are answered however many calls wait;
// what takes longer than a moment gets another.
func (n *Node) private(m *transport.Message) {
	verb, task, ok := wire.ParseNodeSubject(m.Subject)
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
	switch verb {
	case wire.VerbPing:
		n.answerPing(m, toAll)
	case wire.VerbCancel:
		n.worker.cancelled(m.Data)
		n.answer(m.Reply, nil)
	case wire.VerbAwaits:
		n.answer(m.Reply, n.calls.stillAwaited(string(m.Data)))
	case wire.VerbInfo, wire.VerbPs, wire.VerbStack:
		reply, body := m.Reply, slices.Clone(m.Data)
		n.spawn(func() { n.answerJSON(reply, n.inspect(verb, body)) })
	case wire.VerbDrain:
		if toAll {
			n.dropped(m.Subject, "a drain for all nodes: a slip would stop a whole namespace")
			return
		}
		n.answerJSON(m.Reply, drainAnswer{Node: n.id, State: "draining"})
		go func() { _ = n.drainWithin("Config.DrainTimeout", n.cfg.DrainTimeout) }() // waits for this very goroutine; Done tells when it is over
	default:
		n.dropped(m.Subject, "unknown verb")
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
		w.receive(s, m)
		return
	}
	header, body := f.Encode()
	if _, _, native := wire.ParseAddress(n.cfg.Namespace, m.Reply); native {
		n.reply(m.Reply+wire.SuffixError, header, body)
	} else if n.isForeign(m.Reply) {
		n.reply(m.Reply, header, body)
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
	if _, _, native := wire.ParseAddress(n.cfg.Namespace, reply); native {
		n.reply(reply+wire.SuffixResult, nil, body)
		return
	}
	if n.isForeign(reply) {
		n.reply(reply, nil, body)
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

func (n *Node) reply(subject string, header transport.Header, body []byte) {
	if err := n.publish(subject, "", header, body); err != nil {
		n.log.Debug("answer not sent", "subject", subject, "err", err)
	}
}
