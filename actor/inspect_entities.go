package actor

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// KindInfo is what a node says of a kind that it hosts.
type KindInfo struct {
	Name     string     `json:"name"`
	Volatile bool       `json:"volatile,omitempty"`
	Entities int        `json:"entities"` // in the node's memory
	Busy     int        `json:"busy"`     // of these, with messages
	Waiting  int        `json:"waiting"`  // messages that wait for their turn
	Methods  []TaskInfo `json:"methods"`
}

// EntityInfo is one row of what a node has of a kind in its memory.
type EntityInfo struct {
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	Node    string `json:"node"`               // its owner
	Epoch   uint64 `json:"epoch,omitempty"`    // how often it was claimed; 0 of a volatile kind, and before the first claim
	Running int    `json:"running,omitempty"`  // messages that are executed, or go to a slot
	Waiting int    `json:"waiting,omitempty"`  // messages that wait for their turn
	IdleMS  int64  `json:"idle_ms,omitempty"`  // since it had a message
	Panics  int    `json:"panics,omitempty"`   // in a row
	RestsMS int64  `json:"rests_ms,omitempty"` // for how long it takes no message after these
}

// entitiesRequest asks for entities of a kind, in the order of their keys.
type entitiesRequest struct {
	Kind  string `json:"kind"`
	Limit int    `json:"limit"` // default and most maxRows
	After string `json:"after"` // the key after which to go on
}

type entitiesAnswer struct {
	Node     string       `json:"node"`
	Entities []EntityInfo `json:"entities"`
	More     bool         `json:"more"` // ask again with the last key
}

// infoLocked describes a kind.
func (h *hosted) infoLocked(now instant) KindInfo {
	i := KindInfo{Name: h.name, Volatile: h.volatile, Entities: len(h.activations), Busy: len(h.activations) - h.idling, Waiting: h.waiting}
	for name, s := range h.methods {
		if name == deleteMethod && s.stats.calls == 0 {
			continue
		}
		i.Methods = append(i.Methods, s.infoLocked(name, now))
	}
	slices.SortFunc(i.Methods, func(a, b TaskInfo) int { return cmp.Compare(a.Name, b.Name) })
	return i
}

// infoLocked describes what a service did.
func (s *service) infoLocked(name string, now instant) TaskInfo {
	return TaskInfo{
		Name: name, Limit: s.limit,
		Calls: s.stats.calls, Failures: s.stats.failures, BusyMS: s.stats.busy.Milliseconds(),
		LastError: s.stats.lastError,
		Recent:    s.stats.recent.read(now),
	}
}

// entities lists what this node has of a kind.
func (n *Node) entities(q entitiesRequest) entitiesAnswer {
	if q.Limit <= 0 || q.Limit > maxRows {
		q.Limit = maxRows
	}
	a := entitiesAnswer{Node: n.id, Entities: []EntityInfo{}}
	for _, row := range n.worker.entityRows(q.Kind, q.After, n.clock.now()) {
		if len(a.Entities) == q.Limit {
			a.More = true
			break
		}
		a.Entities = append(a.Entities, row)
	}
	return a
}

// entityRows describes the entities of a kind whose keys come after one, in the
// order of keys.
func (w *worker) entityRows(kind, after string, now instant) []EntityInfo {
	w.mu.Lock()
	var rows []EntityInfo
	if h := w.kinds[kind]; h != nil {
		for key, a := range h.activations {
			if key <= after {
				continue
			}
			row := EntityInfo{Kind: kind, Key: key, Node: w.n.id, Epoch: a.epoch.Load(), Running: a.held - a.waiting, Waiting: a.waiting, Panics: a.panics}
			if a.held == 0 {
				row.IdleMS = now.sub(a.used).Milliseconds()
			}
			if a.until > now {
				row.RestsMS = a.until.sub(now).Milliseconds()
			}
			rows = append(rows, row)
		}
	}
	w.mu.Unlock()
	slices.SortFunc(rows, func(a, b EntityInfo) int { return cmp.Compare(a.Key, b.Key) })
	return rows
}

// entitiesThatFit answers with as many rows as a message carries.
func (n *Node) entitiesThatFit(q []byte) any {
	var ask entitiesRequest
	if json.Unmarshal(q, &ask) != nil || wire.CheckName(ask.Kind) != nil {
		return errorAnswer{`entities takes {"kind":name,"limit":n,"after":key}`}
	}
	for {
		a := n.entities(ask)
		body, err := json.Marshal(a)
		limit := n.maxPayload()
		if err != nil || limit == 0 || len(body) <= limit || ask.Limit == 1 {
			return a
		}
		ask.Limit = max(1, len(a.Entities)/2)
	}
}

// Entities asks all nodes of the namespace which entities of a kind they have in
// memory, and returns the first 1000 of each that answered within wait, ordered
// by key; cut says that a node has more. It blocks that long, or until ctx ends.
func (n *Node) Entities(ctx context.Context, kind string, wait time.Duration) (entities []EntityInfo, cut bool, err error) {
	q, err := json.Marshal(entitiesRequest{Kind: kind})
	if err != nil {
		return nil, false, err
	}
	answers, err := gather(ctx, n, wire.VerbEntities, q, wait, func(m *transport.Message) (a entitiesAnswer, err error) {
		err = json.Unmarshal(m.Data, &a)
		return a, err
	})
	for _, a := range answers {
		entities = append(entities, a.Entities...)
		cut = cut || a.More
	}
	slices.SortFunc(entities, func(a, b EntityInfo) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Node, b.Node)) })
	return entities, cut, err
}
