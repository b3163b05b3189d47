package main

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/actor"
)

// newCaller is a caller process of some kind.
func newCaller(ctx context.Context, kind, url string) (*member, error) {
	switch kind {
	case kindHand, kindHandOwn:
		h, err := connectHand(kind, url)
		if err != nil {
			return nil, err
		}
		return newLoadMember(typed{h}, h.close), nil
	case kindFloor:
		f, err := connectFloor(url)
		if err != nil {
			return nil, err
		}
		return newLoadMember(f, f.close), nil
	case kindRabbitHand:
		h, err := connectRabbitHand(url)
		if err != nil {
			return nil, err
		}
		return newLoadMember(typed{h}, h.close), h.call()
	case kindTasks, kindRemote, kindRabbit:
		node, err := startNode(ctx, kind, url, actor.Config{})
		if err != nil {
			return nil, err
		}
		t := tasks{node}
		return newLoadMember(typed{t}, t.close), nil
	case kindEntities:
		return newEntityCaller(ctx, kind, url)
	case kindGate, kindWide:
		return newGateCaller(ctx, kind, url)
	case kindSolo:
		return newSolo(ctx, url)
	}
	return nil, fmt.Errorf("there is no such kind of caller")
}

// newLoadMember is a caller that makes as many calls as it can.
func newLoadMember(o operator, close func() error) *member {
	l := &load{operator: o}
	return &member{
		verbs: map[string]verb{"check": on(l.check), "load": on(l.run), "quantiles": on(l.quantiles)},
		close: close,
	}
}
