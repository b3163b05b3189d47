package wire

import (
	"fmt"
	"strings"
)

// Bounds of names in bytes and tokens. With the longest of each, the longest
// subject of the protocol stays well under transport.MaxSubject.
const (
	MaxName       = 200 // a task or kind name
	MaxNameTokens = 8
	MaxToken      = 64 // a namespace, a group, a node ID
)

// CheckName reports why name cannot be the name of a task, or nil.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > MaxName {
		return fmt.Errorf("name %q has %d bytes, want 1 to %d", clip(name), len(name), MaxName)
	}
	tokens := 0
	for token := range strings.SplitSeq(name, ".") {
		tokens++
		if token == "" {
			return fmt.Errorf("name %q has an empty token: no dot at either end, no two in a row", name)
		}
		if !isToken(token) {
			return fmt.Errorf("name %q: token %q may hold letters, digits, '_' and '-' only", name, token)
		}
	}
	if tokens > MaxNameTokens {
		return fmt.Errorf("name %q has %d tokens, want at most %d", name, tokens, MaxNameTokens)
	}
	return nil
}

// CheckToken reports why s cannot be a namespace, a group or a node ID; what
// says which of these it is.
func CheckToken(what, s string) error {
	if len(s) == 0 || len(s) > MaxToken {
		return fmt.Errorf("%s %q has %d bytes, want 1 to %d", what, clip(s), len(s), MaxToken)
	}
	if !isToken(s) {
		return fmt.Errorf("%s %q may hold letters, digits, '_' and '-' only", what, s)
	}
	return nil
}

// CheckNode reports why s cannot be the ID of a node, or nil. Others tell us
// theirs, and it becomes part of subjects.
func CheckNode(s string) error {
	if s == AllNodes {
		return fmt.Errorf("node %q stands for all nodes", s)
	}
	return CheckToken("node", s)
}

// isWhole says whether s is one token of ours, neither empty nor too long.
func isWhole(s string) bool { return s != "" && len(s) <= MaxToken && isToken(s) }

// isToken says whether every byte of s may stand in a token of ours. The
// empty string passes.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// clip shortens what goes into an error text.
func clip(s string) string {
	if len(s) > MaxName {
		return s[:MaxName] + "…"
	}
	return s
}
