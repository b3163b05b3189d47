package transporttest

import (
	"context"
	"errors"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// mutant is a way to break a transport.
type mutant struct {
	name   string
	caught string // the case that must fail; empty: all must pass
	wrap   func(transport.Conn) transport.Conn
	store  func(*brokenStore) // what it does to each store; see storemutants_test.go

	scheduler func(*brokenScheduler) // and to each scheduler; see schedulermutants_test.go
	unasked   bool                   // makes each store one

	// Ways that are built into the fabric, see there.
	silent, patient, forgets, resurrects bool
}

func mutants() []mutant {
	return append(append(storeMutants(), schedulerMutants()...), []mutant{
		{name: "keeps its promises"},
		{name: "publishes later what it was given", caught: "publish/keeps nothing of the message", wrap: with(publishLater)},
		{name: "uses one buffer for all messages", caught: "publish/gives each subscription what it may keep and change", wrap: with(oneBuffer)},
		{name: "sends twice", caught: "publish/reaches every subscriber", wrap: with(sendTwice)},
		{name: "loses the reply", caught: "publish/reaches a subscriber on the same connection", wrap: with(loseReply)},
		{name: "trusts the status it is given", caught: "publish/ignores the status", wrap: with(trustStatus)},
		{name: "subscribes later", caught: "flush/makes a subscription live", wrap: with(subscribeLater)},
		{name: "flushes without looking at the context", caught: "flush/ends with its context", wrap: with(flushBlindly)},
		{name: "has no groups", caught: "groups/exactly one member receives each message", wrap: with(noGroups)},
		{name: "lets one member have all", caught: "groups/exactly one member receives each message", wrap: with(firstMemberOnly())},
		{name: "mixes groups of different subjects", caught: "groups/the same name on other subjects is another group", wrap: with(groupsByName())},
		{name: "takes a star for many tokens", caught: "wildcards/match table", wrap: with(starIsTail)},
		{name: "never reports that nobody responds", caught: "noresponders/nobody listens", wrap: with(neverNoResponders)},
		{name: "reports it as an ordinary message", caught: "noresponders/nobody listens", wrap: with(ordinaryNoResponders)},
		{name: "folds the case of header keys", caught: "headers/arrive as they were sent", wrap: with(foldHeader)},
		{name: "lets invalid headers pass", caught: "headers/invalid ones are refused", wrap: with(swallow(transport.ErrHeader))},
		{name: "lets large payloads pass", caught: "payloads/larger than the limit are refused", wrap: with(swallow(transport.ErrTooLarge))},
		{name: "lets invalid subjects pass", caught: "subjects/invalid ones are refused by Publish", wrap: with(swallow(transport.ErrSubject))},
		{name: "shortens long subjects", caught: "subjects/long ones pass", wrap: with(shorten)},
		{name: "reorders", caught: "order/of one publisher is kept", wrap: with(reorder())},
		{name: "handles several messages at once", caught: "concurrency/a handler runs for one message at a time", wrap: with(concurrentHandler)},
		{name: "has one goroutine for all handlers", caught: "concurrency/a blocked handler delays no other subscription", wrap: with(oneLock())},
		{name: "drops on Drain", caught: "drain/a subscription handles what it has received", wrap: with(drainDrops)},
		{name: "does not wait for a handler on Close", caught: "close/a subscription drops the rest and waits for its handler", wrap: with(closeHurries)},
		{name: "handles the rest on Close", caught: "close/a subscription drops the rest and waits for its handler", wrap: with(closeDrains)},
		{name: "says something else when closed", caught: "close/afterwards everything fails with ErrClosed", wrap: with(vagueErrors)},
		{name: "leaves a goroutine", caught: "close/leaves no goroutine", wrap: with(leakGoroutine)},
		{name: "can be taken twice", caught: "events/a connection has one owner", wrap: with(takenTwice)},
		{name: "closes without a word", caught: "events/Closed is the last one", wrap: with(sayNothing)},
		{name: "does not say what was denied", caught: "denied/a subscription", silent: true},
		{name: "does not fail when denied", caught: "denied/a message", patient: true},
		{name: "forgets subscriptions in a cut", caught: "cut/is reported, and its end when all is in place", forgets: true},
		{name: "brings back what was closed in a cut", caught: "cut/what is closed or drained meanwhile stays so", resurrects: true},
		{name: "hides a cut", caught: "cut/is reported, and its end when all is in place", wrap: with(hideCut)},
		{name: "accepts and loses in a cut", caught: "cut/Publish meanwhile", wrap: with(swallow(transport.ErrDisconnected))},
	}...)
}

// broken is a connection some of whose methods have been replaced.
type broken struct {
	transport.Conn
	attach    func(events func(transport.Event)) error
	publish   func(ctx context.Context, m *transport.Message) error
	subscribe func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error)
	flush     func(ctx context.Context) error
}

func (b *broken) Attach(events func(transport.Event)) error { return b.attach(events) }

func (b *broken) Publish(ctx context.Context, m *transport.Message) error { return b.publish(ctx, m) }

func (b *broken) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	return b.subscribe(subject, group, handler)
}

func (b *broken) Flush(ctx context.Context) error { return b.flush(ctx) }

// with returns a wrapper that breaks a connection.
func with(breakIt func(b *broken)) func(transport.Conn) transport.Conn {
	return func(c transport.Conn) transport.Conn {
		b := &broken{Conn: c, attach: c.Attach, publish: c.Publish, subscribe: c.Subscribe, flush: c.Flush}
		breakIt(b)
		return b
	}
}

// onMessage changes what handlers get to see; false: they do not.
func onMessage(b *broken, change func(m *transport.Message) bool) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		return b.Conn.Subscribe(subject, group, func(m *transport.Message) {
			if change(m) {
				handler(m)
			}
		})
	}
}

// onPublish changes a copy of what is published.
func onPublish(b *broken, change func(m *transport.Message)) {
	b.publish = func(ctx context.Context, m *transport.Message) error {
		c := *m
		change(&c)
		return b.Conn.Publish(ctx, &c)
	}
}

func publishLater(b *broken) {
	var last *transport.Message
	b.publish = func(ctx context.Context, m *transport.Message) error {
		late := last
		c := *m
		last = &c
		if late == nil {
			return nil
		}
		return b.Conn.Publish(ctx, late)
	}
}

func oneBuffer(b *broken) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		var buf []byte
		return b.Conn.Subscribe(subject, group, func(m *transport.Message) {
			buf = append(buf[:0], m.Data...)
			m.Data = buf
			handler(m)
		})
	}
}

func sendTwice(b *broken) {
	b.publish = func(ctx context.Context, m *transport.Message) error {
		return errors.Join(b.Conn.Publish(ctx, m), b.Conn.Publish(ctx, m))
	}
}

func loseReply(b *broken) { onPublish(b, func(m *transport.Message) { m.Reply = "" }) }

func trustStatus(b *broken) {
	b.publish = func(ctx context.Context, m *transport.Message) error {
		c := *m
		if m.Status != transport.Ordinary {
			c.Data = nil
		}
		return b.Conn.Publish(ctx, &c)
	}
}

func subscribeLater(b *broken) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		time.AfterFunc(20*time.Millisecond, func() { _, _ = b.Conn.Subscribe(subject, group, handler) })
		return closedSubscription{}, nil
	}
}

func flushBlindly(b *broken) {
	b.flush = func(ctx context.Context) error { return b.Conn.Flush(context.WithoutCancel(ctx)) }
}

func noGroups(b *broken) {
	b.subscribe = func(subject, _ string, handler func(*transport.Message)) (transport.Subscription, error) {
		return b.Conn.Subscribe(subject, "", handler)
	}
}

func firstMemberOnly() func(b *broken) {
	var mu sync.Mutex
	taken := map[string]bool{}
	return func(b *broken) {
		b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
			mu.Lock()
			defer mu.Unlock()
			key := subject + " " + group
			if group != "" && taken[key] {
				return closedSubscription{}, nil
			}
			taken[key] = true
			return b.Conn.Subscribe(subject, group, handler)
		}
	}
}

func groupsByName() func(b *broken) {
	var mu sync.Mutex
	members := map[string]func(*transport.Message){}
	return func(b *broken) {
		b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
			prefix, _, _ := strings.Cut(subject, ".")
			mu.Lock()
			defer mu.Unlock()
			if first := members[prefix+group]; group != "" && first != nil {
				handler = first
			}
			members[prefix+group] = handler
			return b.Conn.Subscribe(subject, group, handler)
		}
	}
}

func starIsTail(b *broken) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		if head, ok := strings.CutSuffix(subject, ".*"); ok {
			subject = head + ".>"
		}
		return b.Conn.Subscribe(subject, group, handler)
	}
}

func neverNoResponders(b *broken) {
	onMessage(b, func(m *transport.Message) bool { return m.Status != transport.NoResponders })
}

func ordinaryNoResponders(b *broken) {
	onMessage(b, func(m *transport.Message) bool {
		m.Status = transport.Ordinary
		return true
	})
}

func foldHeader(b *broken) {
	onPublish(b, func(m *transport.Message) {
		h := transport.Header{}
		for k, vs := range m.Header {
			h[textproto.CanonicalMIMEHeaderKey(k)] = vs
		}
		m.Header = h
	})
}

// swallow makes success of an error.
func swallow(target error) func(b *broken) {
	return func(b *broken) {
		b.publish = func(ctx context.Context, m *transport.Message) error {
			if err := b.Conn.Publish(ctx, m); !errors.Is(err, target) {
				return err
			}
			return nil
		}
	}
}

func shorten(b *broken) {
	onPublish(b, func(m *transport.Message) {
		if len(m.Reply) > 512 {
			m.Reply = m.Reply[:512]
		}
	})
}

// reorder lets every tenth message of a publisher wait for the next.
func reorder() func(b *broken) {
	return func(b *broken) {
		var held *transport.Message
		n := 0
		b.publish = func(ctx context.Context, m *transport.Message) error {
			if n++; n%10 == 0 {
				held = &transport.Message{Subject: m.Subject, Reply: m.Reply, Header: m.Header.Clone(), Data: append([]byte(nil), m.Data...)}
				return nil
			}
			err := b.Conn.Publish(ctx, m)
			if held != nil {
				err = errors.Join(err, b.Conn.Publish(ctx, held))
				held = nil
			}
			return err
		}
	}
}

func concurrentHandler(b *broken) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		return b.Conn.Subscribe(subject, group, func(m *transport.Message) {
			c := *m
			go handler(&c)
		})
	}
}

func oneLock() func(b *broken) {
	return func(b *broken) {
		var mu sync.Mutex
		b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
			return b.Conn.Subscribe(subject, group, func(m *transport.Message) {
				mu.Lock()
				defer mu.Unlock()
				handler(m)
			})
		}
	}
}

// ends replaces how subscriptions end.
type ends struct {
	transport.Subscription
	drain func(ctx context.Context) error
	close func() error
}

func (e ends) Drain(ctx context.Context) error { return e.drain(ctx) }
func (e ends) Close() error                    { return e.close() }

func onEnd(b *broken, change func(e *ends)) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		s, err := b.Conn.Subscribe(subject, group, handler)
		if err != nil {
			return nil, err
		}
		e := &ends{Subscription: s, drain: s.Drain, close: s.Close}
		change(e)
		return e, nil
	}
}

func drainDrops(b *broken) {
	onEnd(b, func(e *ends) { e.drain = func(context.Context) error { return e.Subscription.Close() } })
}

func closeHurries(b *broken) {
	onEnd(b, func(e *ends) {
		e.close = func() error {
			go e.Subscription.Close()
			return nil
		}
	})
}

func closeDrains(b *broken) {
	onEnd(b, func(e *ends) { e.close = func() error { return e.Subscription.Drain(context.Background()) } })
}

func vagueErrors(b *broken) {
	b.publish = func(ctx context.Context, m *transport.Message) error {
		if err := b.Conn.Publish(ctx, m); err != nil {
			return errors.New("something went wrong")
		}
		return nil
	}
}

func leakGoroutine(b *broken) {
	b.subscribe = func(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
		go func() { select {} }()
		return b.Conn.Subscribe(subject, group, handler)
	}
}

func takenTwice(b *broken) {
	b.attach = func(events func(transport.Event)) error {
		if err := b.Conn.Attach(events); !errors.Is(err, transport.ErrTaken) {
			return err
		}
		return nil
	}
}

func sayNothing(b *broken) {
	b.attach = func(func(transport.Event)) error { return b.Conn.Attach(func(transport.Event) {}) }
}

func hideCut(b *broken) {
	b.attach = func(events func(transport.Event)) error {
		return b.Conn.Attach(func(e transport.Event) {
			if e.Kind != transport.Cut {
				events(e)
			}
		})
	}
}
