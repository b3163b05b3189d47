package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// jsonKind is how encoding/json treats the values of a type.
type jsonKind uint8

const (
	jsonOwn    jsonKind = iota // decoded by methods of its own
	jsonText                   // decoded from a string by methods of its own
	jsonScalar                 // a bool, a number or a string
	jsonNever                  // not decoded at all
	jsonAny                    // an interface without methods
	jsonStruct                 // an object with fields
	jsonMap                    // an object with entries
	jsonSlice
	jsonArray
	jsonPointer
)

// jsonType is what the checks around encoding/json need to know about a type.
type jsonType struct {
	kind   jsonKind
	typ    reflect.Type
	elem   *jsonType // of maps, slices, arrays and pointers
	fields []jsonField
	exact  map[string]int // of a struct: the index of each field
	folded map[string]int // the same, by foldName

	parsesKeys bool // of a map: two keys of a body may be one in Go
	leadsToAny bool // numbers in it must be told apart
	building   bool
}

type jsonField struct {
	field
	typ *jsonType
}

// find returns the index of the field that encoding/json stores key in.
func (x *jsonType) find(key []byte) (int, bool) {
	i, ok := x.exact[string(key)]
	if !ok {
		i, ok = x.folded[foldName(string(key))]
	}
	return i, ok
}

// jsonRoot is a type that is passed to Marshal or Unmarshal, with the facts
// about it and all it is made of.
type jsonRoot struct {
	*jsonType
	hasStruct  bool  // keys that differ in letter case may mean the same field
	strict     bool  // holds values of which encoding/json drops what does not fit
	open       bool  // Marshal may write what the guard refuses: any, methods, recursion
	byPointer  bool  // holds values that marshal only through their address
	cost       int64 // no value in a body takes more memory than this
	refusal    error // why it cannot be encoded or decoded
	unwritable error // why it cannot be encoded
}

func newJSONRoot(t reflect.Type) *jsonRoot {
	root := &jsonRoot{byPointer: needsAddress(t)}
	b := jsonBuilder{root: root, types: make(map[reflect.Type]*jsonType)}
	root.jsonType = b.build(t)

	var place int64
	for _, x := range b.types {
		root.cost += x.valueCost()
		place = max(place, x.elementCost(), x.entryCost(mapGroup))
	}
	root.cost += place
	b.markAny()
	return root
}

// jsonBuilder builds the tree of a root.
type jsonBuilder struct {
	root  *jsonRoot
	types map[reflect.Type]*jsonType
	depth int
}

func (b *jsonBuilder) build(t reflect.Type) *jsonType {
	x, ok := b.types[t]
	if ok {
		b.root.open = b.root.open || x.building // t is a part of itself
		return x
	}
	x = &jsonType{typ: t, building: true}
	b.types[t] = x
	b.depth++
	b.root.open = b.root.open || b.depth > MaxDepth
	b.fill(x)
	b.depth--
	x.building = false
	return x
}

func (b *jsonBuilder) fill(x *jsonType) {
	t := x.typ
	if t == reflect.TypeFor[time.Time]() {
		return
	}
	b.root.open = b.root.open || writesItself(t)
	if readsItself(t) {
		if !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			x.kind = jsonText
		}
		return
	}
	switch t.Kind() {
	default:
		x.kind = jsonScalar
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		x.kind = jsonNever
	case reflect.Interface:
		b.root.open = true
		if x.kind = jsonAny; t.NumMethod() > 0 {
			x.kind = jsonNever
		}
	case reflect.Pointer:
		if endless(t) {
			b.root.refusal = fmt.Errorf("%s values have no encoding", t)
			x.kind = jsonNever
			return
		}
		x.kind, x.elem = jsonPointer, b.build(t.Elem())
	case reflect.Slice:
		x.kind, x.elem = jsonSlice, b.build(t.Elem())
	case reflect.Array:
		x.kind, x.elem = jsonArray, b.build(t.Elem())
		b.root.strict = true
	case reflect.Map:
		x.kind, x.elem = jsonMap, b.build(t.Elem())
		x.parsesKeys = t.Key().Kind() != reflect.String || readsItself(t.Key())
		b.root.strict = b.root.strict || x.parsesKeys
		b.root.open = b.root.open || writesItself(t.Key()) // two keys may have one text
		if needsAddress(t.Elem()) {
			b.root.unwritable = fmt.Errorf("values of %s marshal only through pointers: use map[%s]*%s", t, t.Key(), t.Elem())
		}
	case reflect.Struct:
		b.fillStruct(x)
	}
}

func (b *jsonBuilder) fillStruct(x *jsonType) {
	fields := structFields(x.typ, jsonTag)
	if checkFields(x.typ, fields) != nil {
		x.kind, b.root.strict = jsonNever, true
		return
	}
	x.kind, b.root.hasStruct = jsonStruct, true
	x.exact, x.folded = make(map[string]int), make(map[string]int)
	for i, f := range fields {
		typ := b.build(f.typ)
		if f.quoted {
			typ = &jsonType{typ: f.typ} // a number in a string: left to encoding/json
		}
		x.fields = append(x.fields, jsonField{f, typ})
		x.exact[f.name] = i
		if _, ok := x.folded[foldName(f.name)]; !ok {
			x.folded[foldName(f.name)] = i
		}
	}
}

// markAny sets leadsToAny. A type may be a part of itself, so it goes round
// until nothing changes.
func (b *jsonBuilder) markAny() {
	for changed := true; changed; {
		changed = false
		for _, x := range b.types {
			leads := x.kind == jsonAny || x.elem != nil && x.elem.leadsToAny ||
				slices.ContainsFunc(x.fields, func(f jsonField) bool { return f.typ.leadsToAny })
			if leads != x.leadsToAny {
				x.leadsToAny, changed = true, true
			}
		}
	}
}

// writesItself and readsItself report whether encoding/json leaves values of t
// to methods. A pointer is looked at by what it points to.
func writesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Pointer &&
		(p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]()))
}

func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Pointer &&
		(p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()))
}

// needsAddress reports whether a value of t, or one that it holds in place,
// marshals by methods with pointer receivers. Without an address encoding/json
// would write something else, and report nothing.
func needsAddress(t reflect.Type) bool {
	switch {
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
		return false
	case writesItself(t):
		return !t.Implements(reflect.TypeFor[json.Marshaler]()) && !t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
	case t.Kind() == reflect.Array:
		return needsAddress(t.Elem())
	case t.Kind() == reflect.Struct:
		for _, f := range structFields(t, jsonTag) {
			if needsAddress(f.typ) {
				return true
			}
		}
	}
	return false
}

// foldName returns what all keys that encoding/json takes for the same field
// have in common: of the letters that fold into each other the smallest.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
