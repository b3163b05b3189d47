package actor

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// Survey is what the nodes of a namespace said of their calls. They did so one
// after the other: a call that moved on meanwhile may be missing, or its
// parent.
type Survey struct {
	// Calls holds one row for each call, as its worker knows it or, while it
	// has none, as its caller does. Oldest first.
	Calls []CallInfo
	// Nodes are those that answered.
	Nodes []string
	// Cut are those of them with more calls than were asked for.
	Cut []string
}

// surveyPages bounds how often one node is asked for more of its calls: 20,000
// of each kind.
const surveyPages = 20

// Survey asks all nodes of the namespace what they execute and await, and joins
// the answers to one row a call, with Key and ParentKey set. It blocks for wait,
// and longer where a node has more than 1000 calls, or until ctx ends.
func (n *Node) Survey(ctx context.Context, wait time.Duration) (Survey, error) {
	answers, err := scatter[psAnswer](ctx, n, wire.VerbPs, wait)
	if err != nil {
		return Survey{}, err
	}
	var s Survey
	for _, a := range answers {
		s.Nodes = append(s.Nodes, a.Node)
	}
	slices.Sort(s.Nodes)
	for i := 0; i < len(answers); i++ { // it grows
		a := answers[i]
		if !a.More {
			continue
		}
		if len(answers) > len(s.Nodes)*surveyPages {
			s.Cut = append(s.Cut, a.Node)
			continue
		}
		q, _ := json.Marshal(psRequest{Limit: maxRows, After: a.last()}) // cannot fail
		next, err := askFor[psAnswer](ctx, n, a.Node, wire.VerbPs, q)
		if err != nil {
			s.Cut = append(s.Cut, a.Node)
			continue
		}
		answers = append(answers, next)
	}
	s.Calls = joinAnswers(answers)
	return s, nil
}

// last is the ID after which a further answer goes on.
func (a psAnswer) last() string {
	var last string
	for _, rows := range [][]CallInfo{a.Executing, a.Awaiting} {
		if len(rows) > 0 {
			last = max(last, rows[len(rows)-1].ID)
		}
	}
	return last
}

// joinAnswers makes one row of what a call's caller and its worker said of it, and
// finds its parent: the call that the caller's node executes.
func joinAnswers(answers []psAnswer) []CallInfo {
	index := make(map[string]int) // by key
	executed := make(map[string]string)
	var calls []CallInfo
	for _, a := range answers {
		for _, c := range a.Executing {
			c.Key = c.key()
			executed[c.Node+" "+firstSending(c.ID)] = c.Key
			if i, seen := index[c.Key]; seen { // its worker was lost, and lives
				calls[i] = c
				continue
			}
			index[c.Key] = len(calls)
			calls = append(calls, c)
		}
	}
	for _, a := range answers {
		for _, c := range a.Awaiting {
			c.Key, c.Awaited = c.key(), true
			parent := c.Parent
			i, taken := index[c.Key]
			if !taken {
				c.Node = "" // nobody has it yet, or who has it did not say so
				if c.Worker != "" {
					c.Node = c.Worker
				}
				i = len(calls)
				index[c.Key] = i
				calls = append(calls, c)
			}
			calls[i].Awaited = true
			calls[i].Parent = parent
			if parent != "" {
				calls[i].ParentKey = executed[a.Node+" "+firstSending(parent)]
			}
		}
	}
	for i := range calls {
		c := &calls[i]
		if c.Parent != "" && c.ParentKey == "" { // never left its node
			c.ParentKey = executed[c.Node+" "+firstSending(c.Parent)]
			c.Awaited = true
		}
	}
	slices.SortFunc(calls, func(a, b CallInfo) int {
		return cmp.Or(cmp.Compare(b.AgeMS, a.AgeMS), cmp.Compare(a.Key, b.Key))
	})
	return calls
}

// key is the call's key on the wire, whichever sending was seen.
func (c CallInfo) key() string {
	if c.Caller == "" {
		return c.ID
	}
	return c.Caller + "." + firstSending(c.ID)
}

// firstSending is the token of a call's first sending.
func firstSending(token string) string {
	first, _, _ := strings.Cut(token, "-")
	return first
}

// Below returns the rows of the call with that key and of all calls below it,
// each after its parent, siblings the oldest first, and how deep each lies
// under the first; nothing when the survey has no such call.
func (s Survey) Below(key string) (rows []CallInfo, depth []int) {
	children := make(map[string][]CallInfo)
	var root *CallInfo
	for i, c := range s.Calls {
		if c.ParentKey != "" && c.ParentKey != c.Key {
			children[c.ParentKey] = append(children[c.ParentKey], c)
		}
		if c.Key == key {
			root = &s.Calls[i]
		}
	}
	if root == nil {
		return nil, nil
	}
	seen := make(map[string]bool) // answers are other people's word: no circle may trap us
	type step struct {
		call  CallInfo
		depth int
	}
	for stack := []step{{*root, 0}}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[at.call.Key] {
			continue
		}
		seen[at.call.Key] = true
		rows, depth = append(rows, at.call), append(depth, at.depth)
		below := children[at.call.Key]
		for _, c := range slices.Backward(below) {
			stack = append(stack, step{c, at.depth + 1})
		}
	}
	return rows, depth
}
