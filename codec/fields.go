package codec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is a struct field that is encoded, as its tags describe it.
type field struct {
	name      string
	index     []int // through embedded structs, as for reflect.Value.FieldByIndex
	typ       reflect.Type
	omitEmpty bool
	isZero    func(reflect.Value) bool // what omitzero leaves out; nil without it
	quoted    bool                     // the option "string" of encoding/json
	tagged    bool                     // the name comes from a tag
}

// tagReader returns what a field's tags say: its name, empty where they give
// none, its options with commas, and whether it is left out.
type tagReader func(reflect.StructTag) (name, options string, skip bool)

// jsonTag reads tags as encoding/json does.
func jsonTag(tag reflect.StructTag) (name, options string, skip bool) {
	text := tag.Get("json")
	if text == "-" {
		return "", "", true
	}
	name, options, _ = strings.Cut(text, ",")
	if strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	}) {
		name = "" // encoding/json ignores such names, and the codecs must agree
	}
	return name, "," + options + ",", false
}

// msgpackTag reads the msgpack tag, and the json tag for what that does not
// say, so that a struct with json tags has the same names in both codecs.
func msgpackTag(tag reflect.StructTag) (name, options string, skip bool) {
	text, ok := tag.Lookup("msgpack")
	if !ok {
		return jsonTag(tag)
	}
	if text == "-" {
		return "", "", true
	}
	name, options, _ = strings.Cut(text, ",")
	if name == "" {
		name, _, _ = jsonTag(tag)
	}
	return name, "," + options + ",", false
}

// structFields returns the fields of t that are encoded, in the order of their
// declaration. As in encoding/json, the fields of embedded structs count as
// fields of t, and of several with the same name the least nested one wins, then
// the tagged one, else none.
func structFields(t reflect.Type, tags tagReader) []field {
	byName := make(map[string][]field)
	collectFields(t, tags, nil, []reflect.Type{t}, byName)

	var fields []field
	for _, same := range byName {
		if f, ok := dominant(same); ok {
			fields = append(fields, f)
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return fields
}

// collectFields adds all fields below t to byName. path holds the structs that
// lead to t, so that one that embeds a pointer to itself ends.
func collectFields(t reflect.Type, tags tagReader, index []int, path []reflect.Type, byName map[string][]field) {
	for i := range t.NumField() {
		sf := t.Field(i)
		inner := sf.Type
		if inner.Name() == "" && inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if !sf.IsExported() && !(sf.Anonymous && inner.Kind() == reflect.Struct) {
			continue
		}
		name, options, skip := tags(sf.Tag)
		if skip {
			continue
		}
		at := append(slices.Clone(index), i)
		if name == "" && sf.Anonymous && inner.Kind() == reflect.Struct {
			if !slices.Contains(path, inner) {
				collectFields(inner, tags, at, append(slices.Clone(path), inner), byName)
			}
			continue
		}
		f := field{
			name: cmp.Or(name, sf.Name), index: at, typ: sf.Type, tagged: name != "",
			omitEmpty: strings.Contains(options, ",omitempty,"),
			quoted:    strings.Contains(options, ",string,"),
		}
		if strings.Contains(options, ",omitzero,") {
			f.isZero = zeroTest(f.typ)
		}
		byName[f.name] = append(byName[f.name], f)
	}
}

// dominant returns the one field among those with the same name that is meant.
func dominant(same []field) (field, bool) {
	rank := func(a, b field) int {
		switch {
		case len(a.index) != len(b.index):
			return len(a.index) - len(b.index)
		case a.tagged != b.tagged && a.tagged:
			return -1
		case a.tagged != b.tagged:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(same, rank)
	return same[0], len(same) == 1 || rank(same[0], same[1]) != 0
}

// checkFields returns an error when the struct t, of which fields are encoded,
// has fields but only hidden ones. Its values would all look empty to the other
// side.
func checkFields(t reflect.Type, fields []field) error {
	if len(fields) > 0 || !hides(t, nil) {
		return nil
	}
	return fmt.Errorf("%s has no exported field and no methods such as MarshalText and UnmarshalText", t)
}

// hides reports whether t, or a struct embedded in it, has unexported fields.
// path holds the structs that lead to t.
func hides(t reflect.Type, path []reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			if !f.IsExported() {
				return true
			}
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && !slices.Contains(path, inner) && hides(inner, append(path, t)) {
			return true
		}
	}
	return false
}

// endless reports whether t is a pointer that leads to nothing but pointers, as
// "type P *P" does. Following it to the value would not end.
func endless(t reflect.Type) bool {
	for range MaxDepth {
		if t.Kind() != reflect.Pointer {
			return false
		}
		t = t.Elem()
	}
	return true
}

// fieldIn returns the field of the struct v. Where an embedded pointer on the
// way is nil it makes the struct when asked to, and else reports false.
func fieldIn(v reflect.Value, index []int, create bool) (reflect.Value, bool) {
	for i, x := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !create || !v.CanSet() {
					return reflect.Value{}, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, true
}

// omitted reports whether the options of f leave it out when it holds v.
func (f *field) omitted(v reflect.Value) bool {
	return f.omitEmpty && isEmpty(v) || f.isZero != nil && f.isZero(v)
}

// isEmpty is what omitempty means in encoding/json.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// zeroTest returns what omitzero means in encoding/json for values of t: their
// method IsZero decides where they have one.
func zeroTest(t reflect.Type) func(reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	has := reflect.TypeFor[zeroer]()
	switch {
	case t.Implements(has) && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface):
		return func(v reflect.Value) bool {
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() || v.Interface().(zeroer).IsZero()
		}
	case reflect.PointerTo(t).Implements(has):
		return func(v reflect.Value) bool { return pointerTo(v).(zeroer).IsZero() }
	}
	return reflect.Value.IsZero
}
