package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// StoreName is the store that the nodes of a namespace keep entities in.
func StoreName(ns string) string { return "at-" + ns }

// What the keys of that store begin with.
const (
	statePrefix = "state."
	leasePrefix = "host."
)

// StateKey is where the state of an entity is kept.
func StateKey(kind, key string) string {
	b := make([]byte, 0, len(statePrefix)+len(kind)+1+2*len(key))
	b = append(append(append(b, statePrefix...), kind...), '.')
	return string(AppendKey(b, key))
}

// LeaseKey is where a host keeps its lease.
func LeaseKey(node string) string { return leasePrefix + node }

// Lease is the record of a host: while it is there and not revoked, the host
// may answer from the state of the entities that it has claimed under it.
type Lease struct {
	Number  uint64 `json:"lease"` // counts the leases of the node
	Revoked bool   `json:"revoked,omitempty"`
}

// Encode returns the lease as it is stored.
func (l Lease) Encode() []byte {
	b, _ := json.Marshal(l) // of a number and a truth value: it cannot fail
	return b
}

// ParseLease reads a lease. What does not parse is nobody's.
func ParseLease(b []byte) (l Lease, ok bool) {
	return l, json.Unmarshal(b, &l) == nil
}

// Record is what is stored of an entity: whose it is, and its state.
type Record struct {
	Owner string `json:"owner"` // node
	Lease uint64 `json:"lease"` // of the owner's, under which it was claimed
	Epoch uint64 `json:"epoch"` // counts the claims
	Write uint64 `json:"write"` // counts the states since the claim
	Shape int    `json:"shape,omitempty"`

	Reminders map[string]Pending `json:"reminders,omitempty"` // by name

	State   []byte `json:"-"` // encoded
	Present bool   `json:"-"` // there is a state
}

// Pending is a reminder that an entity has set.
type Pending struct {
	ID string `json:"id"`
	At int64  `json:"at"` // milliseconds since 1970
}

// recordEnd is between what a record says of the entity and its state. A
// record without it has no state.
const recordEnd = '\n'

// Encode returns the record as it is stored.
func (r *Record) Encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if r.Present {
		b = append(append(b, recordEnd), r.State...)
	}
	return b, nil
}

// ParseRecord reads a record.
func ParseRecord(b []byte) (*Record, error) {
	r := new(Record)
	head, state, present := bytes.Cut(b, []byte{recordEnd})
	if err := json.Unmarshal(head, r); err != nil {
		return nil, fmt.Errorf("not the record of an entity: %w", err)
	}
	if CheckNode(r.Owner) != nil || r.Shape < 0 {
		return nil, errors.New("not the record of an entity: it names no owner")
	}
	r.State, r.Present = state, present
	return r, nil
}
