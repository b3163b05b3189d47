package wire

import (
	"bytes"
	"encoding/json"
	"strings"
)

// DuePrefix is what the keys of reminders that are due begin with.
const DuePrefix = "due"

// DueKey is where a reminder of an entity comes up when it is due.
func DueKey(kind, key, id string) string {
	b := append(append(make([]byte, 0, 256), DuePrefix+"."...), kind...)
	b = AppendKey(append(b, '.'), key)
	return string(append(append(b, '.'), id...))
}

// ParseDueKey takes such a key apart.
func ParseDueKey(s string) (kind, key, id string, ok bool) {
	s, ok = strings.CutPrefix(s, DuePrefix+".")
	at := strings.LastIndexByte(s, '.')
	if !ok || at < 0 {
		return "", "", "", false
	}
	s, id = s[:at], s[at+1:]
	if at = strings.LastIndexByte(s, '.'); at < 0 {
		return "", "", "", false
	}
	kind, token := s[:at], s[at+1:]
	key, ok = ParseKey(token)
	return kind, key, id, ok && CheckName(kind) == nil && CheckToken("reminder", id) == nil
}

// Reminder is the value of such a record: a message.
type Reminder struct {
	Method string `json:"method"`

	Input []byte `json:"-"` // msgpack
}

// Encode returns the reminder as it is stored: JSON, LF, and the input.
func (r *Reminder) Encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append(append(b, recordEnd), r.Input...), nil
}

// ParseReminder reads a reminder.
func ParseReminder(b []byte) (*Reminder, bool) {
	r := new(Reminder)
	head, input, ok := bytes.Cut(b, []byte{recordEnd})
	r.Input = input
	return r, ok && json.Unmarshal(head, r) == nil && isWhole(r.Method)
}
