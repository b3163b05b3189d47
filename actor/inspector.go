package actor

import "github.com/atasks-io/atasks/transport"

// inspector answers the questions of those who look in: people, tools and
// nodes that seek a way around a silent worker. One goroutine does it for all,
// so that a flood of questions costs neither memory nor the calls their locks.
// A question that finds too many before it is dropped and counted, as if it
// were lost on the way.
type inspector struct {
	n         *Node
	questions chan inquiry
}

// inquiry is a question that waits.
type inquiry struct {
	reply  string
	answer func() any
}

// inspectorSize is room for what a few hundred nodes ask at the same moment,
// when a worker that they all call falls silent.
const inspectorSize = 256

func newInspector(n *Node) *inspector {
	return &inspector{n: n, questions: make(chan inquiry, inspectorSize)}
}

// ask has the question m answered with what answer returns, as JSON. It never
// blocks.
func (i *inspector) ask(m *transport.Message, answer func() any) {
	select {
	case i.questions <- inquiry{m.Reply, answer}:
	default:
		i.n.dropped(m.Subject, "too many questions wait")
	}
}

// run answers until the node stops.
func (i *inspector) run() {
	for {
		select {
		case <-i.n.stop:
			return
		case q := <-i.questions:
			i.n.answerJSON(q.reply, q.answer())
		}
	}
}
