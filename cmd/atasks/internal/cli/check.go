package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/atasks-io/atasks/actor"
)

// checkInput refuses an input that the task does not take, and says which part
// of it is wrong. It lets pass what it cannot judge: the worker has the last
// word.
func (a *app) checkInput(ctx context.Context, n *actor.Node, task string, input []byte) error {
	if input == nil {
		return nil
	}
	const enough = 150 * time.Millisecond // for a worker to answer
	schema, ok := inputSchema(ctx, n, enough, task)
	if !ok {
		return nil
	}
	var v any
	_ = json.Unmarshal(input, &v) // it was found to be JSON before
	if wrong := findWrong(schema, v, ""); wrong != nil {
		return coded{exitUsage, fmt.Errorf("call task %q: the input is not what the task takes: %w; atasks tasks show %s tells", task, wrong, task)}
	}
	for _, path := range unknownMembers(schema, v, "") {
		fmt.Fprintf(a.stderr, "atasks: the task does not know %s, and will not see it\n", escape(path))
	}
	return nil
}

// inputSchema is what the task takes; ok is false when nobody told: an old node,
// no permission, or no worker, of which the call itself will tell.
func inputSchema(ctx context.Context, n *actor.Node, wait time.Duration, task string) (schema *jsonschema.Schema, ok bool) {
	s, err := schemaOf(ctx, n, wait, task)
	if err != nil {
		return nil, false
	}
	schema = new(jsonschema.Schema)
	return schema, json.Unmarshal(s.Input, schema) == nil
}

// allows says whether a schema allows a value. One that does not resolve is
// none to judge by.
func allows(s *jsonschema.Schema, v any) bool {
	resolved, err := s.Resolve(nil)
	return err != nil || resolved.Validate(v) == nil
}

// findWrong looks for the innermost value that its schema does not allow.
func findWrong(s *jsonschema.Schema, v any, path string) error {
	if allows(s, v) {
		return nil
	}
	wrong := errors.New("")
	each(s, v, path, func(s *jsonschema.Schema, v any, path string) bool {
		if err := findWrong(s, v, path); err != nil {
			wrong = err
			return false
		}
		return true
	})
	if wrong.Error() != "" {
		return wrong
	}
	if path == "" {
		path = "the whole of it"
	}
	return fmt.Errorf("%s is %s, want %s", path, kindOf(v), wanted(s))
}

// each calls yield with the parts of a value that have schemas of their own.
func each(s *jsonschema.Schema, v any, path string, yield func(*jsonschema.Schema, any, string) bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			sub := s.Properties[k]
			if sub == nil {
				sub = s.AdditionalProperties
			}
			if sub != nil && !yield(sub, v[k], path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k)) {
				return
			}
		}
	case []any:
		for i, x := range v {
			if s.Items != nil && !yield(s.Items, x, path+"/"+strconv.Itoa(i)) {
				return
			}
		}
	}
}

// unknownMembers lists the members that a schema with properties does not name,
// most often slips of the pen. Letter case does not count, as for the codec.
func unknownMembers(s *jsonschema.Schema, v any, path string) []string {
	var found []string
	if m, ok := v.(map[string]any); ok && len(s.Properties) > 0 && s.AdditionalProperties == nil {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(s.Properties)), func(p string) bool { return strings.EqualFold(p, k) }) {
				found = append(found, path+"/"+k)
			}
		}
	}
	each(s, v, path, func(s *jsonschema.Schema, v any, path string) bool {
		found = append(found, unknownMembers(s, v, path)...)
		return true
	})
	return found
}

// kindOf is a value in the words of JSON.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return "a string"
	case []any:
		return "an array of " + strconv.Itoa(len(v))
	default:
		return "an object"
	}
}

// wanted is what a schema allows.
func wanted(s *jsonschema.Schema) string {
	types := s.Types
	if s.Type != "" {
		types = []string{s.Type}
	}
	text := strings.Join(types, " or ")
	if s.Minimum != nil {
		text += fmt.Sprintf(" of at least %g", *s.Minimum)
	}
	if s.Maximum != nil {
		text += fmt.Sprintf(" of at most %g", *s.Maximum)
	}
	if s.MaxItems != nil && s.MinItems != nil && *s.MaxItems == *s.MinItems {
		text += fmt.Sprintf(" of %d", *s.MaxItems)
	}
	if text == "" {
		return "something else"
	}
	return text
}
