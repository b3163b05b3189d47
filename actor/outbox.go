package actor

// outbox sends the questions that the runtime asks of its own accord: pings,
// and who has a call. A transport may make a publisher wait, and who asks them
// ends calls in time and must not. A question that finds the outbox full is not
// sent, as if it were lost on the way; those who ask, ask again.
type outbox struct {
	n         *Node
	questions chan question
}

type question struct {
	subject, reply string
	body           []byte
}

// outboxSize is room for a question about half a million calls.
const outboxSize = 256

func newOutbox(n *Node) *outbox {
	return &outbox{n: n, questions: make(chan question, outboxSize)}
}

// put never blocks.
func (o *outbox) put(subject, reply string, body []byte) {
	select {
	case o.questions <- question{subject, reply, body}:
	default:
		o.n.log.Debug("question not sent: the connection takes nothing", "subject", subject)
	}
}

// run sends until the node stops.
func (o *outbox) run() {
	for {
		select {
		case <-o.n.stop:
			return
		case q := <-o.questions:
			if err := o.n.publish(q.subject, q.reply, nil, q.body); err != nil {
				o.n.log.Debug("question not sent", "subject", q.subject, "err", err)
			}
		}
	}
}
