package main

import (
	"context"
	"fmt"
	"io"
)

// What a process finds in its environment, and what makes it one of ours.
const (
	roleVariable   = "ATASKS_BENCH_ROLE"
	kindVariable   = "ATASKS_BENCH_KIND"
	serverVariable = "ATASKS_BENCH_SERVER"
)

// The roles of processes.
const (
	roleServer = "server"
	roleWorker = "worker"
	roleCaller = "caller"
)

// The kinds of workers and callers. Calls of one kind reach workers of that
// kind only.
const (
	kindHand    = "hand"          // written by hand, with a msgpack library
	kindHandOwn = "hand-own"      // written by hand, with the codec of this module
	kindTasks   = "atasks"        // tasks
	kindRemote  = "atasks-remote" // tasks whose workers send every call through the broker
	kindFloor   = "floor"         // bytes, answered by the subscription's callback
	kindGate    = "gate"          // tasks that wait in the mailbox until they are let through
	kindWide    = "gate-wide"     // tasks that run until they are let through
	kindSolo    = "solo"          // a node that calls itself

	kindRabbitHand = "amqp-hand"   // over RabbitMQ, written by hand, with the codec of this module
	kindRabbit     = "amqp-atasks" // over RabbitMQ, tasks

	kindEntities = "entities" // entities, what they are compared with, and tasks
)

// identity says what a process is; without a role it is the parent.
type identity struct{ role, kind, server string }

func identityFrom(getenv func(string) string) identity {
	return identity{getenv(roleVariable), getenv(kindVariable), getenv(serverVariable)}
}

func (i identity) environment() []string {
	return []string{roleVariable + "=" + i.role, kindVariable + "=" + i.kind, serverVariable + "=" + i.server}
}

func (i identity) String() string {
	if i.kind == "" {
		return i.role
	}
	return i.kind + " " + i.role
}

// serve is the process: it does what it is told until the input ends. The
// parent holds the other end, and the system closes it when the parent is
// gone, however it went.
func (i identity) serve(ctx context.Context, input io.Reader, output io.Writer) error {
	m, err := i.member(ctx)
	if err != nil {
		return fmt.Errorf("start the %v: %w", i, err)
	}
	if err := obey(ctx, m, input, output); err != nil {
		return fmt.Errorf("the %v: %w", i, err)
	}
	return nil
}

// member begins what the process is there for.
func (i identity) member(ctx context.Context) (*member, error) {
	switch i.role {
	case roleServer:
		return newServer()
	case roleWorker:
		return newWorker(ctx, i.kind, i.server)
	case roleCaller:
		return newCaller(ctx, i.kind, i.server)
	}
	return nil, fmt.Errorf("there is no such role")
}
