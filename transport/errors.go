package transport

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Conditions that the owner of a connection branches on. Transports return
// them wrapped, with what was attempted and what the fabric said.
var (
	ErrClosed       = errors.New("connection closed")
	ErrTaken        = errors.New("connection already belongs to another node")
	ErrDisconnected = errors.New("connection to the broker is cut")
	ErrTooLarge     = errors.New("message larger than the broker accepts")
	ErrSubject      = errors.New("invalid subject")
	ErrHeader       = errors.New("invalid header")
	ErrDenied       = errors.New("permission denied")
)

// CheckSubject returns an error that wraps ErrSubject unless s is a subject
// that every fabric can carry: at most MaxSubject bytes of UTF-8, no empty
// token, no space or control character, and wildcards only where pattern
// allows them as whole tokens.
func CheckSubject(s string, pattern bool) error {
	// Publish pays this for every message, so what is plain passes in one look
	// at each byte; the slow way round finds the words for the rest.
	if len(s) <= MaxSubject && isPlain(s) {
		return nil
	}
	if len(s) == 0 || len(s) > MaxSubject {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrSubject, len(s), MaxSubject)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w %q: not UTF-8", ErrSubject, s)
	}
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if s[i] <= ' ' || s[i] == 0x7f {
				return fmt.Errorf("%w %q: space or control character", ErrSubject, s)
			}
			continue
		}
		token := s[start:i]
		last := i == len(s)
		switch {
		case token == "":
			return fmt.Errorf("%w %q: empty token", ErrSubject, s)
		case token == "*" || token == ">":
			if !pattern || token == ">" && !last {
				return fmt.Errorf("%w %q: wildcard %q not allowed here", ErrSubject, s, token)
			}
		case strings.ContainsAny(token, "*>"):
			return fmt.Errorf("%w %q: wildcard inside a token", ErrSubject, s)
		}
		start = i + 1
	}
	return nil
}

// isPlain says whether s is a literal subject of printable ASCII. Of those,
// only the few bytes up to '.' and from '>' need a second look.
func isPlain(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		if c <= '.' {
			if c <= ' ' || c == '*' || c == '.' && last == '.' {
				return false
			}
		} else if c == '>' || c >= 0x7f {
			return false
		}
		last = c
	}
	return last != '.'
}
