package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/actor"
)

// newWorker is a worker process of some kind.
func newWorker(ctx context.Context, kind, url string) (*member, error) {
	switch kind {
	case kindHand, kindHandOwn:
		h, err := connectHand(kind, url)
		if err != nil {
			return nil, err
		}
		return &member{verbs: map[string]verb{}, close: h.close}, h.serve(ctx)
	case kindFloor:
		f, err := connectFloor(url)
		if err != nil {
			return nil, err
		}
		return &member{verbs: map[string]verb{}, close: f.close}, f.serve()
	case kindRabbitHand:
		h, err := connectRabbitHand(url)
		if err != nil {
			return nil, err
		}
		return &member{verbs: map[string]verb{}, close: h.close}, h.serve()
	case kindTasks, kindRemote, kindRabbit:
		return newTaskWorker(ctx, kind, url, actor.Config{NoLocal: kind == kindRemote}, served())
	case kindEntities:
		return newEntityWorker(ctx, kind, url)
	case kindGate, kindWide:
		return newGateWorker(ctx, kind, url)
	}
	return nil, fmt.Errorf("there is no such kind of worker")
}

// newTaskWorker serves tasks. It says the ID of its node.
func newTaskWorker(ctx context.Context, kind, url string, cfg actor.Config, servables []actor.Servable) (*member, error) {
	node, err := startNode(ctx, kind, url, cfg)
	if err != nil {
		return nil, err
	}
	if err := node.Serve(servables...); err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return &member{says: node.ID(), verbs: map[string]verb{}, close: func() error { return closeNode(node) }}, nil
}
