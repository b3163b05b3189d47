package atask_test

import (
	"context"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// readMeta answers with the value of an entry.
var readMeta = atask.Define("meta.read", func(ctx context.Context, key string) (string, error) {
	return actor.Metadata(ctx, key), nil
})

// below calls readMeta from one level further down.
var below = atask.Declare[string, string]("meta.below")

func readBelow(ctx context.Context, key string) (string, error) { return readMeta.Await(ctx, key) }

// TestMetadata: entries travel down the whole tree of calls, and sideways
// nowhere.
func TestMetadata(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		ctx := start(t, actor.Config{}, readMeta, below.With(readBelow)).Context(t.Context())
		tagged := actor.WithMetadata(actor.WithMetadata(ctx, "tenant", "acme"), "user", "Zoë")
		for _, c := range []struct {
			name, key, want string
			ctx             context.Context
			opts            []atask.CallOption
		}{
			{name: "none", key: "tenant", ctx: ctx},
			{name: "WithMetadata", key: "tenant", ctx: tagged, want: "acme"},
			{name: "the second", key: "user", ctx: tagged, want: "Zoë"},
			{name: "Meta", key: "tenant", ctx: ctx, opts: []atask.CallOption{atask.Meta("tenant", "emca")}, want: "emca"},
			{name: "Meta over WithMetadata", key: "tenant", ctx: tagged, opts: []atask.CallOption{atask.Meta("tenant", "emca")}, want: "emca"},
			{name: "Meta beside WithMetadata", key: "user", ctx: tagged, opts: []atask.CallOption{atask.Meta("tenant", "emca")}, want: "Zoë"},
			{name: "the last Meta", key: "a", ctx: ctx, opts: []atask.CallOption{atask.Meta("a", "1"), atask.Meta("a", "2")}, want: "2"},
			{name: "empty", key: "tenant", ctx: actor.WithMetadata(tagged, "tenant", "")},
			{name: "W3C tracing", key: "traceparent", ctx: actor.WithMetadata(ctx, "traceparent", "00-0af7-b7ad-01"), want: "00-0af7-b7ad-01"},
			{name: "a detached root", key: "tenant", ctx: context.WithoutCancel(tagged), want: "acme"},
		} {
			got, err := readMeta.Await(c.ctx, c.key, c.opts...)
			succeeds(t, c.name+": the entry", got, err, c.want)
			got, err = below.Await(c.ctx, c.key, c.opts...)
			succeeds(t, c.name+": the entry two levels down", got, err, c.want)
		}
	})
}

// TestBadMetadata: what cannot travel is refused before anything is sent.
func TestBadMetadata(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		ctx := start(t, actor.Config{}, readMeta).Context(t.Context())
		for _, c := range []struct{ key, value string }{
			{"", "v"},
			{"a b", "v"},
			{"a:b", "v"},
			{"a\r\nb", "v"},
			{"ä", "v"},
			{strings.Repeat("k", 129), "v"},
			{"k", "v\r\nAt-Error: failed"},
			{"k", "v\x00"},
			{"k", " v"},
			{"k", "\xff"},
			{"k", strings.Repeat("v", 8<<10+1)},
		} {
			_, err := readMeta.Await(actor.WithMetadata(ctx, c.key, c.value), "k")
			is(t, "Await(WithMetadata)", err, atask.ErrBadInput)
			_, err = readMeta.Await(ctx, "k", atask.Meta(c.key, c.value))
			is(t, "Await(Meta)", err, atask.ErrBadInput)
		}
	})
}

// TestInfo: a handler knows who calls it, and how deep it is.
func TestInfo(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		infos := make(chan atask.Info, 2)
		outer := atask.Declare[string, string]("outer")
		n := start(t, actor.Config{Namespace: "shop"}, work.With(func(ctx context.Context, in string) (string, error) {
			info, ok := actor.InfoFrom(ctx)
			equal(t, "InfoFrom() in a handler", ok, true)
			infos <- info
			return in, nil
		}), outer.With(func(ctx context.Context, in string) (string, error) {
			info, _ := actor.InfoFrom(ctx)
			infos <- info
			return work.Await(ctx, in)
		}))
		f := outer.Start(n.Context(t.Context()), "in")
		if _, err := f.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		top, inner := <-infos, <-infos
		want := atask.Info{ID: f.ID(), Task: "outer", Namespace: "shop", Node: top.Node, Caller: n.ID(), Depth: 0, Attempt: 1}
		equal(t, "InfoFrom() of the root", top, want)
		want = atask.Info{ID: inner.ID, Task: "work", Namespace: "shop", Node: inner.Node, Caller: top.Node, Depth: 1, Attempt: 1}
		equal(t, "InfoFrom() one level down", inner, want)
		if inner.ID == "" || inner.Node == "" {
			t.Errorf("InfoFrom() = %+v, want an ID and a node", inner)
		}
		_, ok := actor.InfoFrom(t.Context())
		equal(t, "InfoFrom() outside a handler", ok, false)
	})
}
