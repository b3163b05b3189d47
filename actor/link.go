package actor

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/atasks-io/atasks/internal/wire"
)

// nodeLinks are the nodes of one process that know each other, by role. All
// linked nodes share one.
type nodeLinks struct {
	mu    sync.Mutex // guards roles and moved
	roles map[string]*Node
	moved *nodeLinks // what these were merged into; nil while they are in use
}

// LinkOption is an option of Link.
type LinkOption func(*linkOptions)

type linkOptions struct{ role string }

// As names the role under which the other node's namespace is known to tasks
// declared with InNamespace. Default: the namespace's own name.
func As(role string) LinkOption { return func(o *linkOptions) { o.role = role } }

// Link makes two nodes of this process known to each other, and to all nodes
// that either is linked to: a call of a task that was declared InNamespace of a
// role goes through the node of that role, whichever linked node the context
// carries. Linking closes nothing and lasts until the nodes are closed. It
// fails when a role would stand for two nodes; a node that has been closed
// leaves its roles to others. It may be called at any time.
func (n *Node) Link(other *Node, opts ...LinkOption) error {
	if other == nil {
		return errors.New("link: the other node is nil: start it first")
	}
	o := linkOptions{role: other.cfg.Namespace}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if err := wire.CheckToken("role", o.role); err != nil {
		return fmt.Errorf("link: %w: %w", ErrBadName, err)
	}
	if n == other {
		return fmt.Errorf("link: node %s to itself as %q: link it to a node of another namespace", n.id, o.role)
	}
	a, b := lockBoth(n, other)
	defer a.mu.Unlock()
	if b != a {
		defer b.mu.Unlock()
	}
	merged := make(map[string]*Node, len(a.roles)+len(b.roles)+2)
	maps.Insert(merged, a.openLocked())
	for role, node := range b.openLocked() {
		if have := merged[role]; have != nil && have != node {
			return fmt.Errorf("link: role %q would stand for two nodes, %s and %s: name one with actor.As", role, have.id, node.id)
		}
		merged[role] = node
	}
	if merged[n.cfg.Namespace] == nil {
		merged[n.cfg.Namespace] = n
	}
	if have := merged[o.role]; have != nil && have != other {
		return fmt.Errorf("link: role %q already stands for node %s in namespace %s: choose another with actor.As", o.role, have.id, have.cfg.Namespace)
	}
	merged[o.role] = other
	a.roles = merged
	if b != a {
		b.roles, b.moved = nil, a
	}
	return nil
}

// lockBoth locks the links of two nodes, which may be the same.
func lockBoth(n, other *Node) (a, b *nodeLinks) {
	for {
		a, b = n.links.current(), other.links.current()
		a.mu.Lock()
		if a.moved == nil && a == b {
			return a, b
		}
		// Not Lock: another Link may hold b and wait for a.
		if a != b && b.mu.TryLock() {
			if a.moved == nil && b.moved == nil {
				return a, b
			}
			b.mu.Unlock()
		}
		a.mu.Unlock()
		runtime.Gosched()
	}
}

// current follows the merges.
func (l *nodeLinks) current() *nodeLinks {
	for {
		l.mu.Lock()
		moved := l.moved
		l.mu.Unlock()
		if moved == nil {
			return l
		}
		l = moved
	}
}

// locked follows the merges and locks what is in use.
func (l *nodeLinks) locked() *nodeLinks {
	for {
		l = l.current()
		l.mu.Lock()
		if l.moved == nil {
			return l
		}
		l.mu.Unlock() // merged between the two
	}
}

// openLocked yields the roles of nodes that have not been closed.
func (l *nodeLinks) openLocked() iter.Seq2[string, *Node] {
	return func(yield func(string, *Node) bool) {
		for role, node := range l.roles {
			if !node.isClosed() && !yield(role, node) {
				return
			}
		}
	}
}

// isClosed says whether Done is closed.
func (n *Node) isClosed() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// linked returns the node of a role, and for an error text the roles there
// are. A node's own namespace needs no link.
func (n *Node) linked(role string) (node *Node, known string) {
	l := n.links.locked()
	defer l.mu.Unlock()
	if node = l.roles[role]; node != nil && !node.isClosed() {
		return node, ""
	}
	if role == n.cfg.Namespace {
		return n, ""
	}
	if node != nil {
		return nil, "the node that it stood for is closed"
	}
	var roles []string
	for role := range l.openLocked() {
		roles = append(roles, role)
	}
	if len(roles) == 0 {
		return nil, "it is linked to none"
	}
	slices.Sort(roles)
	return nil, "it knows " + strings.Join(roles, ", ")
}
