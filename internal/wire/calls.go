package wire

import "strings"

// MaxCalls is how many entries of a list are read. Whoever has more to say
// sends several messages.
const MaxCalls = 1 << 16

// AppendCalls appends a list of call tokens or keys, the body of a ping and of
// its answer: separated by single spaces.
func AppendCalls(b []byte, calls ...string) []byte {
	for _, c := range calls {
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, c...)
	}
	return b
}

// ParseCalls calls yield for each entry of a list that AppendCalls made. It
// skips what cannot be one and, so that no body is expensive, what follows the
// first MaxCalls entries.
func ParseCalls(body string, yield func(call string)) {
	n := 0
	for c := range strings.SplitSeq(body, " ") {
		if n++; n > MaxCalls {
			return
		}
		if isCall(c) {
			yield(c)
		}
	}
}

// isCall says whether s is a token or two that a dot joins.
func isCall(s string) bool {
	if _, call, ok := cutToken(s); ok {
		return isWhole(call)
	}
	return isWhole(s)
}

// Cancel is the body of a cancel: the keys of the calls (see Address.Key) and
// why, for the handler's context.
type Cancel struct {
	Keys   []string
	Reason string
}

// maxReason bounds the reason of a cancel in bytes.
const maxReason = 1024

// AppendCancel appends the body of a cancel: the keys, a line feed, the
// reason.
func AppendCancel(b []byte, c Cancel) []byte {
	b = AppendCalls(b, c.Keys...)
	b = append(b, '\n')
	return append(b, cutUTF8(c.Reason, maxReason)...)
}

// ParseCancel reads the body of a cancel.
func ParseCancel(body []byte) Cancel {
	keys, reason, _ := strings.Cut(string(body), "\n")
	c := Cancel{Reason: cutUTF8(reason, maxReason)}
	ParseCalls(keys, func(k string) { c.Keys = append(c.Keys, k) })
	return c
}
