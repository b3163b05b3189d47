package actor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// named starts a node in each namespace.
func (r *rig) named(namespaces ...string) []*member {
	r.t.Helper()
	nodes := make([]*member, len(namespaces))
	for i, ns := range namespaces {
		nodes[i] = r.node(Config{Namespace: ns})
	}
	return nodes
}

func TestLinkIsSymmetricAndTransitive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.named("a", "b", "c", "d")
	mustLink(t, n[0], n[1])
	mustLink(t, n[2], n[3], As("stock"))
	mustLink(t, n[1], n[2])
	mustLink(t, n[1], n[0], As("alias")) // linked already: another name for it
	for i, from := range n {
		for role, want := range map[string]*member{"a": n[0], "b": n[1], "c": n[2], "stock": n[3], "alias": n[0]} {
			if got, known := from.linked(role); got != want.Node {
				t.Errorf("node %d: linked(%q) = %v (%s), want the node of %s", i, role, got, known, want.Namespace())
			}
		}
		if got, known := from.linked("nobody"); got != nil || !strings.Contains(known, "stock") {
			t.Errorf("node %d: linked(nobody) = %v, %q, want nil and the roles there are", i, got, known)
		}
	}
}

func mustLink(t *testing.T, a, b *member, opts ...LinkOption) {
	t.Helper()
	if err := a.Link(b.Node, opts...); err != nil {
		t.Errorf("Link(%s, %s) = %v, want nil", a.Namespace(), b.Namespace(), err)
	}
}

func TestLinkRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.named("a", "b", "c", "b")
	if err := n[0].Link(nil); err == nil {
		t.Error("Link(nil) = nil, want an error")
	}
	if err := n[0].Link(n[0].Node); err == nil {
		t.Error("Link(itself) = nil, want an error")
	}
	if err := n[0].Link(n[1].Node, As("")); err == nil {
		t.Error("Link(As empty) = nil, want an error")
	}
	mustLink(t, n[0], n[1])
	if err := n[0].Link(n[2].Node, As("b")); err == nil || !strings.Contains(err.Error(), "actor.As") {
		t.Errorf("Link(role taken) = %v, want an error that says what to do", err)
	}
	if err := n[0].Link(n[3].Node); err == nil {
		t.Error("Link(another node of a linked namespace) = nil, want an error")
	}
	if got, _ := n[0].linked("c"); got != nil {
		t.Error("a Link that failed left a role behind")
	}
	mustLink(t, n[2], n[3])
	if err := n[0].Link(n[2].Node); err == nil {
		t.Error("Link(two groups that both have a b) = nil, want an error")
	}
	if got, _ := n[2].linked("a"); got != nil {
		t.Error("a Link that failed merged the groups")
	}
}

func TestLinkedToNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.named("a")[0]
	if got, _ := n.linked("a"); got != n.Node {
		t.Errorf("linked(own namespace) = %v, want the node itself", got)
	}
	_, err := Ask[int, int](n.under(), NewTarget[int, int]("x", InNamespace("other")), 1)
	if !errors.Is(err, ErrNoLink) || !strings.Contains(err.Error(), "node.Link") {
		t.Errorf("Ask(in a namespace without a link) = %v, want ErrNoLink that says what to do", err)
	}
}

// TestLinkConcurrently links a ring of nodes from all sides while calls look
// roles up.
func TestLinkConcurrently(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	names := make([]string, 8)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	n := r.named(names...)
	mustLink(t, n[0], n[1])
	var wg sync.WaitGroup
	for i := range n {
		for _, step := range []int{1, 3, 5} {
			wg.Go(func() { mustLink(t, n[i], n[(i+step)%len(n)]) })
		}
	}
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if got, known := n[0].linked("n1"); got != n[1].Node {
					t.Errorf("linked(n1) = %v (%s) while others link, want the node", got, known)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, from := range n {
		for i, name := range names {
			if got, _ := from.linked(name); got != n[i].Node {
				t.Errorf("%s: linked(%q) = %v, want its node", from.Namespace(), name, got)
			}
		}
	}
}

func TestCallsGoThroughLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.named("front", "back")
	mustLink(t, n[0], n[1], As("store"))
	where := NewTarget[struct{}, string]("where", InNamespace("store"))
	if err := n[1].Serve(Implement(where, func(ctx context.Context, _ struct{}) (string, error) {
		info, _ := InfoFrom(ctx)
		return info.Namespace, nil
	})); err != nil {
		t.Fatalf("Serve() = %v, want nil", err)
	}
	if got, err := Ask[struct{}, string](n[0].under(), where, struct{}{}); got != "back" || err != nil {
		t.Errorf("Ask() = %q, %v, want back", got, err)
	}
}

// TestLinkAfterClose: a node that was closed leaves its role to another.
func TestLinkAfterClose(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.named("a", "b", "b", "c")
	mustLink(t, n[0], n[1])
	n[1].Close()
	if got, known := n[0].linked("b"); got != nil || !strings.Contains(known, "closed") {
		t.Errorf("linked(role of a closed node) = %v, %q, want nil and why", got, known)
	}
	mustLink(t, n[0], n[2])
	mustLink(t, n[3], n[0])
	if got, known := n[3].linked("b"); got != n[2].Node {
		t.Errorf("linked(b) = %v (%s), want the node that came after", got, known)
	}
}
