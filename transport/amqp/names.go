package amqp

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// maxShort is the most bytes that AMQP lets a name, a routing key or a property
// have.
const maxShort = 255

// names are what this package calls things at the broker. All begin with the
// name of the exchange, so that a permission can be a prefix.
type names struct{ exchange string }

// long is the exchange for subjects that are longer than a routing key may be.
// It matches tokens by header fields instead.
func (n names) long() string { return n.exchange + ".long" }

// inbox is the queue of one connection's subscriptions without a group.
func (n names) inbox(id string) string { return n.exchange + ".inbox." + id }

// group is the queue that the members of a group share.
func (n names) group(subject, group string) string {
	if name := n.exchange + ".group." + group + "." + subject; len(name) <= maxShort && !strings.Contains(group, ".") {
		return name
	}
	sum := sha256.Sum256([]byte(group + " " + subject)) // neither holds a space
	return n.exchange + ".hashed." + hex.EncodeToString(sum[:])
}

// toKey returns the routing key for a subject. Tokens that consist of "#" only
// grow by one, since "#" alone is the wildcard of a topic exchange.
func toKey(subject string) string {
	if strings.IndexByte(subject, '#') < 0 {
		return subject
	}
	return mapTokens(subject, func(token string) string {
		if isHashes(token) {
			return token + "#"
		}
		return token
	})
}

// fromKey is the inverse of toKey.
func fromKey(key string) string {
	if strings.IndexByte(key, '#') < 0 {
		return key
	}
	return mapTokens(key, func(token string) string {
		if isHashes(token) && len(token) > 1 {
			return token[1:]
		}
		return token
	})
}

func isHashes(token string) bool { return token != "" && strings.Trim(token, "#") == "" }

func mapTokens(s string, f func(string) string) string {
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		tokens[i] = f(t)
	}
	return strings.Join(tokens, ".")
}

// toBinding returns the binding key for a pattern: "#" of a topic exchange
// stands for no token as well, which ">" does not.
func toBinding(pattern string) string {
	key := toKey(pattern)
	if key == ">" {
		return "*.#"
	}
	if head, ok := strings.CutSuffix(key, ".>"); ok {
		return head + ".*.#"
	}
	return key
}

// isWild says whether a valid pattern holds a wildcard.
func isWild(pattern string) bool { return strings.ContainsAny(pattern, "*>") }

// fitsKey says whether a subject is sent under its routing key.
func fitsKey(subject string) bool { return len(toKey(subject)) <= maxShort }

// Fields of the header by which a message with a long subject is routed. No
// field of a user's has such a name: see toField.
const (
	wholeField = "~s" // the subject
	countField = "~n" // the number of its tokens
	tokenField = "~"  // and the position: one token
)

// longRoute returns the fields of a message with a long subject.
func longRoute(subject string) map[string]any {
	tokens := strings.Split(subject, ".")
	route := make(map[string]any, len(tokens)+2)
	route[wholeField] = subject
	route[countField] = int32(len(tokens))
	for i, t := range tokens {
		route[tokenField+strconv.Itoa(i)] = t
	}
	return route
}

// longBinding returns the arguments of a binding that matches the long subjects
// of a pattern. A field without a value matches any value.
func longBinding(pattern string) map[string]any {
	args := map[string]any{"x-match": "all"}
	if !isWild(pattern) {
		args[wholeField] = pattern
		return args
	}
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		switch t {
		case "*":
		case ">":
			args[tokenField+strconv.Itoa(i)] = nil
			return args
		default:
			args[tokenField+strconv.Itoa(i)] = t
		}
	}
	args[countField] = int32(len(tokens))
	return args
}

// matches says whether a subject matches a pattern.
func matches(pattern, subject string) bool {
	for {
		p, restP, moreP := strings.Cut(pattern, ".")
		s, restS, moreS := strings.Cut(subject, ".")
		switch {
		case p == ">":
			return true
		case p != "*" && p != s, moreP != moreS:
			return false
		case !moreP:
			return true
		}
		pattern, subject = restP, restS
	}
}
