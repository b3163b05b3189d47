package loopback

import (
	"slices"
	"strings"
)

// index finds the interests that a subject matches. A pattern without a
// wildcard is found in one look at a map, however many there are; the others
// hang in a tree by their tokens.
type index struct {
	exact map[string]*interest
	root  node
	wild  int // patterns in the tree
}

// node is where the patterns part that begin with the same tokens.
type node struct {
	next map[string]*node // by token, "*" being one of them
	here *interest        // the pattern that ends here
	rest *interest        // the pattern that has ">" here
}

// interest is everyone who subscribed to one pattern.
type interest struct {
	plain  []*subscription
	groups []group
}

// group is never without a member.
type group struct {
	name    string
	members []*subscription
}

func (x *index) add(s *subscription) {
	if isWild(s.subject) {
		x.wild++
		slot := x.root.slot(s.subject)
		*slot = (*slot).with(s)
		return
	}
	if x.exact == nil {
		x.exact = make(map[string]*interest)
	}
	x.exact[s.subject] = x.exact[s.subject].with(s)
}

// remove takes out s, which is in the index.
func (x *index) remove(s *subscription) {
	if isWild(s.subject) {
		x.wild--
		x.root.remove(s.subject, s)
		return
	}
	if x.exact[s.subject].without(s) {
		delete(x.exact, s.subject)
	}
}

// match appends to hits the interests in subject, which is literal.
func (x *index) match(subject string, hits []*interest) []*interest {
	if in := x.exact[subject]; in != nil {
		hits = append(hits, in)
	}
	if x.wild > 0 {
		hits = x.root.match(subject, hits)
	}
	return hits
}

// isWild says whether a pattern holds a wildcard. CheckSubject has seen to it
// that the bytes below stand for nothing else.
func isWild(pattern string) bool { return strings.ContainsAny(pattern, "*>") }

// slot returns where the interest in pattern is kept, and makes the way there.
func (n *node) slot(pattern string) **interest {
	for {
		if pattern == ">" {
			return &n.rest
		}
		token, tail, more := strings.Cut(pattern, ".")
		child := n.next[token]
		if child == nil {
			if n.next == nil {
				n.next = make(map[string]*node)
			}
			child = new(node)
			n.next[token] = child
		}
		if !more {
			return &child.here
		}
		n, pattern = child, tail
	}
}

// remove takes s out from under n, with the nodes that it leaves empty, and
// says whether n is one of them.
func (n *node) remove(pattern string, s *subscription) bool {
	switch token, tail, more := strings.Cut(pattern, "."); {
	case token == ">":
		if n.rest.without(s) {
			n.rest = nil
		}
	case more:
		if n.next[token].remove(tail, s) {
			delete(n.next, token)
		}
	default:
		child := n.next[token]
		if child.here.without(s) {
			child.here = nil
		}
		if child.isEmpty() {
			delete(n.next, token)
		}
	}
	return n.isEmpty()
}

func (n *node) isEmpty() bool { return len(n.next) == 0 && n.here == nil && n.rest == nil }

func (n *node) match(subject string, hits []*interest) []*interest {
	if n.rest != nil {
		hits = append(hits, n.rest)
	}
	token, tail, more := strings.Cut(subject, ".")
	for _, child := range [2]*node{n.next[token], n.next["*"]} {
		switch {
		case child == nil:
		case more:
			hits = child.match(tail, hits)
		case child.here != nil:
			hits = append(hits, child.here)
		}
	}
	return hits
}

// with returns in with s, making it first where there was none.
func (in *interest) with(s *subscription) *interest {
	if in == nil {
		in = new(interest)
	}
	if s.group == "" {
		in.plain = append(in.plain, s)
		return in
	}
	for i := range in.groups {
		if g := &in.groups[i]; g.name == s.group {
			g.members = append(g.members, s)
			return in
		}
	}
	in.groups = append(in.groups, group{name: s.group, members: []*subscription{s}})
	return in
}

// without takes s out and says whether nobody is left.
func (in *interest) without(s *subscription) bool {
	is := func(o *subscription) bool { return o == s }
	in.plain = slices.DeleteFunc(in.plain, is)
	for i := range in.groups {
		in.groups[i].members = slices.DeleteFunc(in.groups[i].members, is)
	}
	in.groups = slices.DeleteFunc(in.groups, func(g group) bool { return len(g.members) == 0 })
	return len(in.plain) == 0 && len(in.groups) == 0
}
