package transport

import "sync"

// Owner is the part of a connection that is the same on every fabric: whom it
// belongs to, and the delivery of its events. A transport embeds one, or keeps
// it in a field, and forwards Attach to it. The zero value belongs to nobody.
// All methods may be called from any goroutine.
type Owner struct {
	// mu guards the fields below. It is not held while an event is delivered.
	mu       sync.Mutex
	deliver  func(Event)
	queue    []Event
	running  bool          // a goroutine is delivering the queue
	idle     chan struct{} // closed when that goroutine ends; nil when none runs
	isCut    bool
	hasEnded bool
}

// maxEvents bounds the events that wait for an owner who is slow to take them.
// Only Denied and Dropped are refused beyond it: a flood of them repeats what
// the first ones said, and the other kinds cannot flood.
const maxEvents = 256

// Attach does what Conn.Attach promises. An owner that comes while the
// connection is cut hears of it at once.
func (o *Owner) Attach(events func(Event)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.hasEnded:
		return ErrClosed
	case o.deliver != nil:
		return ErrTaken
	case events == nil:
		events = func(Event) {}
	}
	o.deliver = events
	if o.isCut {
		o.add(Event{Kind: Cut})
	}
	return nil
}

// Notify queues e for the owner and returns at once. Before Attach only the
// fact that the connection is cut is kept; after End nothing is.
func (o *Owner) Notify(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hasEnded {
		return
	}
	switch e.Kind {
	case Cut:
		o.isCut = true
	case Restored:
		o.isCut = false
	case Closed:
		o.hasEnded = true
	case Denied, Dropped:
		if len(o.queue) >= maxEvents {
			return
		}
	}
	o.add(e)
}

// End queues Closed with err, which is nil when the owner asked for it, as the
// last event, and returns when the owner has taken every event. A second End
// only waits. It must not be called from the function given to Attach.
func (o *Owner) End(err error) {
	o.Notify(Event{Kind: Closed, Err: err})
	o.mu.Lock()
	idle := o.idle
	o.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

// add appends e and sees to it that somebody delivers it. mu is held.
func (o *Owner) add(e Event) {
	if o.deliver == nil {
		return
	}
	o.queue = append(o.queue, e)
	if !o.running {
		o.running, o.idle = true, make(chan struct{})
		go o.run(o.deliver, o.idle)
	}
}

// run delivers events until none is left: a connection on which nothing
// happens has no goroutine here.
func (o *Owner) run(deliver func(Event), idle chan struct{}) {
	defer close(idle)
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.queue, o.running, o.idle = nil, false, nil
			o.mu.Unlock()
			return
		}
		e := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		deliver(e)
	}
}
