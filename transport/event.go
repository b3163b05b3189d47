package transport

// EventKind says what happened to a connection.
type EventKind uint8

const (
	// Cut: the link is broken; the transport tries to restore it for ever.
	Cut EventKind = iota + 1
	// Restored: the link is back and all subscriptions are in place again.
	Restored
	// Closed: the connection has ended for good; nothing follows. Err says why
	// when the owner did not ask for it.
	Closed
	// Denied: the fabric refused a publish or a subscribe on Subject for want
	// of permission.
	Denied
	// Dropped: messages for the subscription on Subject were lost because its
	// handler was too slow.
	Dropped
)

// String returns the kind in lower case.
func (k EventKind) String() string {
	switch k {
	case Cut:
		return "cut"
	case Restored:
		return "restored"
	case Closed:
		return "closed"
	case Denied:
		return "denied"
	case Dropped:
		return "dropped"
	default:
		return "unknown"
	}
}

// Event is something that happened to a connection.
type Event struct {
	Kind    EventKind
	Subject string // of Denied and Dropped, where known
	Err     error  // what the fabric said, where it said something
}
