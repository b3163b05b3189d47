package wire

import (
	"strconv"
	"strings"
	"time"
)

// NoBudget is the budget of a call without a deadline.
const NoBudget time.Duration = -1

// maxBudget bounds the budgets that an address carries: beyond a century there
// is no deadline worth the name, and milliseconds still fit a Duration.
const maxBudget = 100 * 365 * 24 * time.Hour

// Address is a return address: who waits, for which call, for how long and at
// which depth.
type Address struct {
	Namespace, Group, Node string
	Call                   string        // opaque, unique for the life of Node
	Budget                 time.Duration // from arrival; NoBudget for no deadline
	Depth                  int           // of the call: 0 for one that no task awaits

	Inbox string // the InboxPrefix of Node, where the address was parsed
}

// AppendAddress appends the address of a call to b, after the InboxPrefix of
// the node that waits. The budget is rounded up to whole milliseconds.
func AppendAddress(b []byte, inbox, call string, budget time.Duration, depth int) []byte {
	b = append(b, inbox...)
	b = append(b, call...)
	b = append(b, '.')
	if budget < 0 {
		b = append(b, '-')
	} else {
		b = strconv.AppendInt(b, int64((min(budget, maxBudget)+time.Millisecond-1)/time.Millisecond), 36)
	}
	b = append(b, '.')
	return strconv.AppendInt(b, int64(depth), 10)
}

// String returns the address as a subject.
func (a Address) String() string {
	return string(AppendAddress(nil, InboxPrefix(a.Namespace, a.Group, a.Node), a.Call, a.Budget, a.Depth))
}

// Key identifies the call among all calls of the namespace: the node that
// waits and its token for the call.
func (a Address) Key() string { return a.Node + "." + a.Call }

// ParseAddress reads a return address of this protocol in namespace ns. key is
// the part of s that Address.Key would build. Tokens after the depth are
// reserved and ignored. Nothing is allocated.
func ParseAddress(ns, s string) (a Address, key string, ok bool) {
	rest, ok := strings.CutPrefix(s, "at.")
	if !ok {
		return a, "", false
	}
	if rest, ok = strings.CutPrefix(rest, ns); !ok {
		return a, "", false
	}
	if rest, ok = strings.CutPrefix(rest, ".reply."); !ok {
		return a, "", false
	}
	a.Namespace = ns
	if a.Group, rest, ok = cutToken(rest); !ok {
		return a, "", false
	}
	keyAndMore := rest
	if a.Node, rest, ok = cutToken(rest); !ok {
		return a, "", false
	}
	a.Inbox = s[:len(s)-len(rest)]
	if a.Call, rest, ok = cutToken(rest); !ok {
		return a, "", false
	}
	key = keyAndMore[:len(a.Node)+1+len(a.Call)]
	budget, rest, ok := strings.Cut(rest, ".")
	if !ok {
		return a, "", false
	}
	if a.Budget, ok = parseBudget(budget); !ok {
		return a, "", false
	}
	depth, reserved, more := strings.Cut(rest, ".")
	if more && !isReserved(reserved) {
		return a, "", false
	}
	a.Depth, ok = parseDepth(depth)
	return a, key, ok
}

// cutToken splits off one token of ours that a dot follows.
func cutToken(s string) (token, rest string, ok bool) {
	token, rest, ok = strings.Cut(s, ".")
	return token, rest, ok && isWhole(token)
}

// isReserved says whether s is what may follow the depth: tokens of ours. A
// worker may answer at the whole address, so wildcards must not pass.
func isReserved(s string) bool {
	if len(s) > MaxName {
		return false
	}
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || !isToken(token) {
			return false
		}
	}
	return true
}

func parseBudget(s string) (time.Duration, bool) {
	if s == "-" {
		return NoBudget, true
	}
	if !plainDigits(s, 36, 12) {
		return 0, false
	}
	ms, err := strconv.ParseInt(s, 36, 64)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(ms, int64(maxBudget/time.Millisecond))) * time.Millisecond, true
}

func parseDepth(s string) (int, bool) {
	if !plainDigits(s, 10, 9) {
		return 0, false
	}
	d, err := strconv.Atoi(s)
	return d, err == nil
}

// plainDigits says whether s is 1 to most lower-case digits of base, without
// the sign and the underscores that strconv would let pass.
func plainDigits(s string, base, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (base == 10 || c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
