package wire

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxKey bounds the key of an entity, in bytes.
const MaxKey = 255

// encodedKey begins a key that is not a token as it stands. No token of ours
// does.
const encodedKey = "="

// verbAsk precedes what an ask is for: key, method and kind.
const verbAsk = "ask."

// CheckKey reports why key cannot be that of an entity, or nil.
func CheckKey(key string) error {
	switch {
	case len(key) == 0 || len(key) > MaxKey:
		return fmt.Errorf("key %q has %d bytes, want 1 to %d", clip(key), len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("key %q is not UTF-8", clip(key))
	default:
		return nil
	}
}

// AppendKey appends a key as one token of a subject: as it stands where it
// holds nothing but letters, digits, '_' and '-', otherwise encoded.
func AppendKey(b []byte, key string) []byte {
	if isToken(key) {
		return append(b, key...)
	}
	return base64.RawURLEncoding.AppendEncode(append(b, encodedKey...), []byte(key))
}

// ParseKey returns the key that a token stands for. There is one token for
// each key.
func ParseKey(token string) (key string, ok bool) {
	code, encoded := strings.CutPrefix(token, encodedKey)
	if !encoded {
		return token, isToken(token) && CheckKey(token) == nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if err != nil || isToken(string(b)) {
		return "", false
	}
	return string(b), CheckKey(string(b)) == nil
}

// AskSubject is where an ask goes that is meant for an entity on one node.
func AskSubject(ns, node, kind, method, key string) string {
	b := make([]byte, 0, 256)
	b = append(b, NodeSubject(ns, node, verbAsk)...)
	b = AppendKey(b, key)
	b = append(append(b, '.'), method...)
	b = append(append(b, '.'), kind...)
	return string(b)
}

// ParseAsk takes apart the verb of an ask; found is false for any other verb.
func ParseAsk(verb string) (kind, method, key string, found, ok bool) {
	rest, found := strings.CutPrefix(verb, verbAsk)
	if !found {
		return "", "", "", false, false
	}
	token, rest, _ := strings.Cut(rest, ".")
	method, kind, _ = strings.Cut(rest, ".")
	key, ok = ParseKey(token)
	return kind, method, key, true, ok && isWhole(method) && CheckName(kind) == nil
}

// A chain names the entities that wait on a call, the first that asked first:
// kind and key of each, as tokens.
const (
	chainLink  = "/" // between kind and key
	chainSpace = " " // between entities
)

// AppendLink appends an entity to a chain.
func AppendLink(chain, kind, key string) string {
	b := make([]byte, 0, len(chain)+len(kind)+len(key)+8)
	b = append(b, chain...)
	if len(b) > 0 {
		b = append(b, chainSpace...)
	}
	return string(AppendKey(append(append(b, kind...), chainLink...), key))
}

// ParseLink takes apart a chain of one entity.
func ParseLink(link string) (kind, key string, ok bool) {
	kind, token, _ := strings.Cut(link, chainLink)
	key, ok = ParseKey(token)
	return kind, key, ok && CheckName(kind) == nil
}

// ChainFrom returns the part of a chain that begins with an entity; false when
// it is not in the chain.
func ChainFrom(chain, kind, key string) (string, bool) {
	if chain == "" {
		return "", false
	}
	link := AppendLink("", kind, key)
	for at := chain; ; {
		first, rest, more := strings.Cut(at, chainSpace)
		if first == link {
			return at, true
		}
		if !more {
			return "", false
		}
		at = rest
	}
}

// ShowChain writes a chain for people.
func ShowChain(chain string) string {
	var b strings.Builder
	for i, link := range strings.Split(chain, chainSpace) {
		if i > 0 {
			b.WriteString(" -> ")
		}
		kind, token, _ := strings.Cut(link, chainLink)
		key, ok := ParseKey(token)
		if !ok {
			key = token
		}
		fmt.Fprintf(&b, "%s %q", kind, key)
	}
	return b.String()
}

// Placement. Every node has to find the same owner for a key.

// HostSeed is what a host brings to the placement of the keys of a kind.
func HostSeed(node, kind string) uint64 {
	h := uint64(fnvOffset)
	h = hashOn(h, node)
	h = hashOn(h, "\x00")
	h = hashOn(h, kind)
	return hashOn(h, "\x00")
}

// Score is how much a host with that seed is meant to own a key: of all hosts,
// the one with the highest score is its owner (rendezvous hashing, Thaler and
// Ravishankar 1998). It is FNV-1a of 64 bits over node, a zero byte, kind, a
// zero byte and key, mixed as MurmurHash3 ends.
func Score(seed uint64, key string) uint64 {
	h := hashOn(seed, key)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Hash is FNV-1a of 64 bits.
func Hash(s string) uint64 { return hashOn(fnvOffset, s) }

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashOn(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}
