package actor

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/atasks-io/atasks/internal/wire"
)

// TaskSchema is what a task takes and returns, as JSON Schemas of their JSON
// form. They refuse nothing that the task accepts: no member is required, and
// unknown ones are let pass. Of an untyped task, and of types that only Go code
// can tell about, a schema says nothing: it is {}.
type TaskSchema struct {
	Node   string          `json:"node"`
	Task   string          `json:"task"`
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output"`
}

// Schema asks a node that serves a task what it takes and returns. It blocks
// for 5 s at most. The error is ErrNodeGone when there is no such node.
func (n *Node) Schema(ctx context.Context, node, task string) (TaskSchema, error) {
	if err := wire.CheckName(task); err != nil {
		return TaskSchema{}, fmt.Errorf("ask for the schema of task %q: %w: %w", task, ErrBadName, err)
	}
	return askFor[TaskSchema](ctx, n, node, wire.VerbSchema, []byte(task))
}

// schemaOf answers the verb.
func (n *Node) schemaOf(task string) any {
	n.worker.mu.Lock()
	s := n.worker.services[task]
	n.worker.mu.Unlock()
	if s == nil {
		return errorAnswer{"this node does not serve it"}
	}
	return TaskSchema{Node: n.id, Task: task, Input: schemaFor(s.inType), Output: schemaFor(s.outType)}
}

// anything is the schema that says nothing.
func anything() json.RawMessage { return json.RawMessage("{}") }

// schemaFor infers a schema. It never fails: what cannot be described is
// anything.
func schemaFor(t reflect.Type) (schema json.RawMessage) {
	defer func() {
		if recover() != nil { // a type that nobody thought of
			schema = anything()
		}
	}()
	if t == nil {
		return anything()
	}
	opaque := make(map[reflect.Type]*jsonschema.Schema)
	findOpaque(t, opaque, make(map[reflect.Type]bool))
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: opaque, IgnoreInvalidTypes: true})
	if err != nil || s == nil {
		return anything()
	}
	relax(s)
	b, err := json.Marshal(s)
	if err != nil {
		return anything()
	}
	return b
}

// findOpaque collects the types whose JSON form their structure does not tell:
// those with methods of their own, those that hold themselves, and bytes.
func findOpaque(t reflect.Type, found map[reflect.Type]*jsonschema.Schema, under map[reflect.Type]bool) {
	// All types by name, since a pointer to a type without any would be null only.
	opaque := func() *jsonschema.Schema {
		return &jsonschema.Schema{Types: []string{"null", "boolean", "object", "array", "number", "string"}}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case found[t] != nil:
		return
	case t == reflect.TypeFor[time.Time]():
		return // is known to be a string
	case under[t] || marshals(t) || quoted(t):
		found[t] = opaque()
		return
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		found[t] = &jsonschema.Schema{Types: []string{"null", "string"}, ContentEncoding: "base64"}
		return
	}
	under[t] = true
	defer delete(under, t)
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		findOpaque(t.Elem(), found, under)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous {
				findOpaque(f.Type, found, under)
			}
		}
	}
}

// marshals says whether a type has an encoding of its own.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// quoted says whether a struct has fields that are numbers within strings.
func quoted(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if _, opts, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); strings.Contains(opts, "string") {
			return true
		}
	}
	return false
}

// relax lets pass what the codec does: members that are missing and members
// that are unknown, so that callers and workers may be of different versions.
func relax(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	s.Required = nil
	if len(s.Properties) > 0 || s.AdditionalProperties != nil && s.AdditionalProperties.Not != nil {
		s.AdditionalProperties = nil
	}
	for _, p := range s.Properties {
		relax(p)
	}
	relax(s.Items)
	relax(s.AdditionalProperties)
}
