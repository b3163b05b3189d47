package actor

import (
	"context"
	"strings"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// Nodes announce themselves as NATS services do (NATS ADR-32), so that tools
// which list services see them: one service a node, one endpoint a task.
const (
	discoveryPrefix = "$SRV."
	discoveryName   = "atasks-" // and the namespace
	discoveryType   = "io.nats.micro.v1."
)

type serviceIdentity struct {
	Name     string            `json:"name"`
	ID       string            `json:"id"`
	Version  string            `json:"version"`
	Metadata map[string]string `json:"metadata"`
	Type     string            `json:"type"`
}

type servicePing struct{ serviceIdentity }

type serviceInfo struct {
	serviceIdentity
	Description string         `json:"description"`
	Endpoints   []endpointInfo `json:"endpoints"`
}

type endpointInfo struct {
	Name       string            `json:"name"`
	Subject    string            `json:"subject"`
	QueueGroup string            `json:"queue_group"`
	Metadata   map[string]string `json:"metadata"`
}

type serviceStatsAnswer struct {
	serviceIdentity
	Started   time.Time       `json:"started"`
	Endpoints []endpointStats `json:"endpoints"`
}

type endpointStats struct {
	Name                  string        `json:"name"`
	Subject               string        `json:"subject"`
	QueueGroup            string        `json:"queue_group"`
	NumRequests           uint64        `json:"num_requests"`
	NumErrors             uint64        `json:"num_errors"`
	LastError             string        `json:"last_error"`
	ProcessingTime        time.Duration `json:"processing_time"`         // nanoseconds
	AverageProcessingTime time.Duration `json:"average_processing_time"` // nanoseconds
}

// discover begins to answer discovery, where the fabric has it. It is a
// convenience: a node that may not does without.
func (n *Node) discover(ctx context.Context) {
	if !n.features.Load().Discovery {
		return
	}
	name := discoveryName + n.cfg.Namespace
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		for _, suffix := range []string{"", "." + name, "." + name + "." + n.id} {
			sub, err := n.conn.Subscribe(discoveryPrefix+verb+suffix, "", func(m *transport.Message) {
				n.inspector.ask(m, func() any { return n.discovered(verb) })
			})
			if err != nil {
				n.log.Warn("not discoverable", "err", err)
				return
			}
			n.mu.Lock() // the connection may end meanwhile, and with it the node
			n.announce = append(n.announce, sub)
			n.mu.Unlock()
		}
	}
	if err := n.conn.Flush(ctx); err != nil {
		n.log.Warn("not discoverable", "err", err)
	}
}

// discovered answers one discovery verb.
func (n *Node) discovered(verb string) any {
	id := serviceIdentity{
		Name:     discoveryName + n.cfg.Namespace,
		ID:       n.id,
		Version:  n.cfg.Version,
		Metadata: map[string]string{"group": n.cfg.Group},
		Type:     discoveryType + strings.ToLower(verb) + "_response",
	}
	tasks := n.info().Tasks
	switch verb {
	case "INFO":
		a := serviceInfo{serviceIdentity: id, Description: "tasks of namespace " + n.cfg.Namespace, Endpoints: []endpointInfo{}}
		for _, t := range tasks {
			a.Endpoints = append(a.Endpoints, endpointInfo{
				Name: endpointName(t.Name), Subject: wire.TaskSubject(n.cfg.Namespace, t.Name), QueueGroup: wire.QueueGroup,
				Metadata: map[string]string{"task": t.Name},
			})
		}
		return a
	case "STATS":
		a := serviceStatsAnswer{serviceIdentity: id, Started: n.clock.start.UTC(), Endpoints: []endpointStats{}}
		for _, t := range tasks {
			busy := time.Duration(t.BusyMS) * time.Millisecond
			a.Endpoints = append(a.Endpoints, endpointStats{
				Name: endpointName(t.Name), Subject: wire.TaskSubject(n.cfg.Namespace, t.Name), QueueGroup: wire.QueueGroup,
				NumRequests: t.Calls, NumErrors: t.Failures, LastError: t.LastError,
				ProcessingTime: busy, AverageProcessingTime: busy / time.Duration(max(1, t.Calls)),
			})
		}
		return a
	default:
		return servicePing{id}
	}
}

// endpointName makes a task's name fit what discovery allows.
func endpointName(task string) string { return strings.ReplaceAll(task, ".", "-") }
