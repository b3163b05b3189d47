package transport

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

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

	// Expires is how long the message is of use to anyone, as the publisher
	// knows; 0 is for ever. A fabric that makes messages wait, and can, drops
	// it then without a word. It does not arrive.
	Expires time.Duration

	// Redelivered says that the message may have been handled before, by a
	// member of the group that was lost. Set by the fabric, ignored by Publish;
	// a fabric that delivers at most once never sets it.
	Redelivered bool
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
// NATS. CheckHeader tells what keys and values may hold.
type Header map[string][]string

// CheckHeader returns an error that wraps ErrHeader unless every fabric carries
// h unchanged: a key is printable ASCII other than space and any of
// "(),/:;<=>?@[\]{} and is not empty; a value is UTF-8 without line break and
// NUL that neither begins nor ends with a space or tab.
func CheckHeader(h Header) error {
	for k, vs := range h {
		if !isHeaderKey(k) {
			return fmt.Errorf("%w: key %q", ErrHeader, k)
		}
		for _, v := range vs {
			if !isHeaderValue(v) {
				return fmt.Errorf("%w: value of %q", ErrHeader, k)
			}
		}
	}
	return nil
}

func isHeaderKey(k string) bool {
	for i := range len(k) {
		switch c := k[i]; c {
		case '"', '(', ')', ',', '/', ':', ';', '<', '=', '>', '?', '@', '[', '\\', ']', '{', '}':
			return false
		default:
			if c <= ' ' || c >= 0x7f {
				return false
			}
		}
	}
	return k != ""
}

func isHeaderValue(v string) bool {
	for i := range len(v) {
		switch v[i] {
		case '\r', '\n', 0:
			return false
		case ' ', '\t':
			if i == 0 || i == len(v)-1 {
				return false
			}
		}
	}
	return utf8.ValidString(v)
}

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
