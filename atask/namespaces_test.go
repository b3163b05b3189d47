package atask_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport/loopback"
)

// where answers with the namespace that it runs in.
func where(ctx context.Context, _ string) (string, error) {
	info, ok := actor.InfoFrom(ctx)
	if !ok {
		return "", errors.New("no info")
	}
	return info.Namespace, nil
}

var (
	price = atask.Declare[string, string]("price", atask.InNamespace("pricing"))
	order = atask.Declare[string, string]("order", atask.InNamespace("shop"))
)

// TestNamespaces: two namespaces on two brokers with different codecs; calls
// cross over wherever a process has a node in both.
func TestNamespaces(t *testing.T) {
	virtual(t, func(t *testing.T) {
		shop, pricing := loopback.New(), loopback.New()
		shopCfg := actor.Config{Namespace: "shop", Codec: codec.JSON, Errors: errorTypes}
		pricingCfg := actor.Config{Namespace: "pricing", Errors: errorTypes}

		// The worker of the shop has a leg in pricing.
		worker := start(t, shop, shopCfg, order.With(func(ctx context.Context, in string) (string, error) {
			return price.Await(ctx, in)
		}))
		leg := start(t, pricing, pricingCfg)
		if err := worker.Link(leg); err != nil {
			t.Fatalf("Link() = %v", err)
		}
		start(t, pricing, pricingCfg, price.With(func(ctx context.Context, in string) (string, error) {
			if in == "unknown" {
				return "", &overdrawn{"pricing", in}
			}
			ns, err := where(ctx, in)
			info, _ := actor.InfoFrom(ctx)
			if info.Depth != 1 || info.Caller != leg.ID() {
				t.Errorf("InfoFrom() = %+v, want depth 1, called by node %s", info, leg.ID())
			}
			return ns + " " + in + " " + actor.Metadata(ctx, "tenant"), err
		}))

		ctx := actor.WithMetadata(start(t, shop, shopCfg).Context(t.Context()), "tenant", "acme")
		got, err := order.Await(ctx, "tea")
		succeeds(t, "order.Await()", got, err, "pricing tea acme")
		_, err = order.Await(ctx, "unknown")
		if o, ok := errors.AsType[*overdrawn](err); !ok || o.By != "unknown" {
			t.Errorf("order.Await(unknown) = %v, want the error of the other namespace in it", err)
		}
		_, err = price.Await(ctx, "tea") // this process has no leg there
		is(t, "price.Await() without a link", err, atask.ErrNoLink)
	})
}

// TestLink: linking is symmetric and transitive, by role.
func TestLink(t *testing.T) {
	virtual(t, func(t *testing.T) {
		nodes := make(map[string]*actor.Node)
		for _, ns := range []string{"a", "b", "c"} {
			b := loopback.New()
			start(t, b, actor.Config{Namespace: ns}, work.With(where))
			nodes[ns] = start(t, b, actor.Config{Namespace: ns})
		}
		in := func(role string) *atask.Task[string, string] {
			return atask.Declare[string, string]("work", atask.InNamespace(role))
		}
		ask := func(from, role, want string) {
			t.Helper()
			got, err := in(role).Await(nodes[from].Context(t.Context()), "")
			succeeds(t, "from "+from+", Await() in "+role, got, err, want)
		}
		ask("a", "a", "a") // its own namespace needs no link

		link := func(from, to string, opts ...actor.LinkOption) {
			t.Helper()
			if err := nodes[from].Link(nodes[to], opts...); err != nil {
				t.Errorf("%s.Link(%s) = %v", from, to, err)
			}
		}
		link("a", "b")
		link("a", "b")                     // again is fine
		link("a", "b", actor.As("backup")) // and a second role
		link("b", "c", actor.As("archive"))
		for _, from := range []string{"a", "b", "c"} {
			ask(from, "a", "a")
			ask(from, "b", "b")
			ask(from, "backup", "b")
			ask(from, "archive", "c")
		}
		_, err := in("c").Await(nodes["a"].Context(t.Context()), "")
		is(t, "Await() in a role nobody has", err, atask.ErrNoLink)

		got, err := work.Await(nodes["a"].Context(t.Context()), "", atask.Via(nodes["c"]))
		succeeds(t, "Await(Via)", got, err, "c")

		nodes["b"].Close()
		_, err = in("b").Await(nodes["a"].Context(t.Context()), "")
		is(t, "Await() through a linked node that is closed", err, atask.ErrNoLink)
		if !strings.Contains(err.Error(), "closed") {
			t.Errorf("Await() through a linked node that is closed = %v, want it said", err)
		}
		ask("a", "archive", "c")
	})
}

func TestLinkRefuses(t *testing.T) {
	virtual(t, func(t *testing.T) {
		node := func(ns string) *actor.Node { return start(t, loopback.New(), actor.Config{Namespace: ns}) }
		a, b, other := node("a"), node("b"), node("b")
		if err := a.Link(b); err != nil {
			t.Fatalf("Link() = %v", err)
		}
		for name, err := range map[string]error{
			"nil":                         a.Link(nil),
			"itself":                      a.Link(a),
			"itself by another role":      a.Link(a, actor.As("me")),
			"a second node of a role":     a.Link(other),
			"an empty role":               a.Link(other, actor.As("")),
			"a role that is no token":     a.Link(other, actor.As("no token")),
			"a role that is taken by a":   other.Link(a, actor.As("b")),
			"another node under its role": other.Link(node("a"), actor.As("b")),
		} {
			if err == nil {
				t.Errorf("Link() to %s = nil, want an error", name)
			}
		}
		// What was refused left nothing behind.
		if err := a.Link(other, actor.As("other")); err != nil {
			t.Errorf("Link() under a free role = %v", err)
		}
	})
}

// TestLinkConcurrently: links may be made from all sides at once.
func TestLinkConcurrently(t *testing.T) {
	t.Parallel()
	nodes := make([]*actor.Node, 6)
	for i := range nodes {
		b := loopback.New()
		ns := string(rune('a' + i))
		nodes[i] = start(t, b, actor.Config{Namespace: ns}, work.With(where))
	}
	done := make(chan error)
	for i, n := range nodes {
		go func() { done <- n.Link(nodes[(i+1)%len(nodes)]) }()
	}
	for range nodes {
		if err := <-done; err != nil {
			t.Errorf("Link() = %v", err)
		}
	}
	for _, n := range nodes {
		for i := range nodes {
			role := string(rune('a' + i))
			got, err := atask.Declare[string, string]("work", atask.InNamespace(role)).Await(n.Context(t.Context()), "")
			succeeds(t, "Await() in "+role, got, err, role)
		}
	}
}
