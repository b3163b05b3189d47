package codec

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"
)

// inspect returns an error that leads to something in v that JSON has no way
// to say. It is called when encoding/json has failed, to find out where, and
// when what it wrote looks as if it had left something out without an error: a
// string that is not UTF-8 becomes "\ufffd", an escape that it has no other
// use for, and a struct without exported fields becomes {}.
func inspect(v reflect.Value, depth int) error {
	if !v.IsValid() {
		return nil
	}
	if depth > maxHops {
		return errors.New("a value that holds itself")
	}
	if k := v.Kind(); k == reflect.Pointer || k == reflect.Interface {
		return inspect(v.Elem(), depth+1)
	}
	if writesItself(v.Type()) && v.CanInterface() {
		if needsAddress(v.Type()) && !v.CanAddr() {
			return fmt.Errorf("%s values marshal only through pointers", v.Type())
		}
		return inspectText(v)
	}
	switch v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("%s values have no encoding", v.Type())
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("JSON has no %v", f)
		}
	case reflect.String:
		return checkUTF8(v.String())
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := inspect(v.Index(i), depth+1); err != nil {
				return withinIndex(err, i)
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			err := inspect(it.Key(), depth+1)
			if err == nil {
				err = inspect(it.Value(), depth+1)
			}
			if err != nil {
				return withinKey(err, it.Key())
			}
		}
	case reflect.Struct:
		fields := structFields(v.Type(), jsonTag)
		if err := checkFields(v.Type(), fields); err != nil {
			return err
		}
		for _, f := range fields {
			if fv, ok := fieldIn(v, f.index, false); ok && !f.omitted(fv) {
				if err := inspect(fv, depth+1); err != nil {
					return withinField(err, f.name)
				}
			}
		}
	}
	return nil
}

// inspectText looks at the text of a value that has a method for it. What
// MarshalJSON returns is left to encoding/json and the guard.
func inspectText(v reflect.Value) error {
	p := pointerTo(v)
	if _, ok := p.(json.Marshaler); ok {
		return nil
	}
	text, err := p.(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return err
	}
	return checkUTF8(string(text))
}

// checkUTF8 returns an error when s is not UTF-8, and so not a string to
// either format.
func checkUTF8(s string) error {
	if utf8.ValidString(s) {
		return nil
	}
	return errors.New("a string that is not UTF-8; use []byte for binary data")
}
