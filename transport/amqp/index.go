package amqp

import (
	"slices"
	"strings"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

// index finds the subscriptions that a subject matches. All of a connection
// without a group share one queue at the broker, so who gets what is found here.
type index struct {
	mu    sync.RWMutex // guards the fields below
	exact map[string][]*subscription
	wild  []*subscription
}

func (x *index) add(s *subscription) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if isWild(s.subject) {
		x.wild = append(x.wild, s)
		return
	}
	if x.exact == nil {
		x.exact = make(map[string][]*subscription)
	}
	x.exact[s.subject] = append(x.exact[s.subject], s)
}

func (x *index) remove(s *subscription) {
	x.mu.Lock()
	defer x.mu.Unlock()
	is := func(o *subscription) bool { return o == s }
	if isWild(s.subject) {
		x.wild = slices.DeleteFunc(x.wild, is)
		return
	}
	if rest := slices.DeleteFunc(x.exact[s.subject], is); len(rest) > 0 {
		x.exact[s.subject] = rest
	} else {
		delete(x.exact, s.subject)
	}
}

// deliver gives m, which belongs to nobody, to every subscription that matches
// and is in a group only where groups says so.
func (x *index) deliver(m transport.Message, groups bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var last *subscription
	give := func(s *subscription) {
		if s.group != "" && !groups {
			return
		}
		if last != nil {
			// Each may change what it gets.
			c := m
			c.Header, c.Data = m.Header.Clone(), slices.Clone(m.Data)
			last.push(item{message: c})
		}
		last = s
	}
	for _, s := range x.exact[m.Subject] {
		give(s)
	}
	for _, s := range x.wild {
		if s.matches(m.Subject) {
			give(s)
		}
	}
	if last != nil {
		last.push(item{message: m})
	}
}

// matches says whether a subject matches the pattern of s, which has wildcards.
func (s *subscription) matches(subject string) bool {
	if s.tail { // the usual one: literal tokens, then ">"
		return len(subject) > len(s.head) && strings.HasPrefix(subject, s.head)
	}
	return matches(s.subject, subject)
}
