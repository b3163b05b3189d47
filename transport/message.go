package transport

import "slices"

// MaxSubject is the largest subject in bytes that a transport accepts. It is
// far below what brokers allow, because a NATS server answers a longer line by
// closing the connection for good.
const MaxSubject = 1024

// Message is what a transport moves.
type Message struct {
	Subject string
	Reply   string // where answers go; empty when none are expected
	Header  Header // nil when there is none
	Data    []byte
	Status  Status // set by the fabric, ignored by Publish
}

// Status tells messages that the fabric itself made from those of clients.
type Status uint8

const (
	// Ordinary is the status of a message that a client published.
	Ordinary Status = iota
	// NoResponders is the status of the empty message that tells a publisher,
	// on its reply subject, that nobody was subscribed.
	NoResponders
)

// Header holds the header fields of a message. Keys are case-sensitive, as in
// NATS. A key holds no colon and no control character, a value no line break.
type Header map[string][]string

// Get returns the first value of key, or "".
func (h Header) Get(key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set makes value the only value of key.
func (h Header) Set(key, value string) { h[key] = []string{value} }

// Clone returns a deep copy.
func (h Header) Clone() Header {
	if h == nil {
		return nil
	}
	c := make(Header, len(h))
	for k, v := range h {
		c[k] = slices.Clone(v)
	}
	return c
}
