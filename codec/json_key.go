package codec

import (
	"bytes"
	"encoding"
	"reflect"
	"strconv"
)

// parsedKeys holds the keys of one object as encoding/json stores them in a
// map whose keys are not plain strings: "1" and "01" are one integer. The zero
// value holds none and finds none.
type parsedKeys struct{ set reflect.Value }

func newParsedKeys(key reflect.Type) parsedKeys {
	return parsedKeys{reflect.MakeMap(reflect.MapOf(key, reflect.TypeFor[struct{}]()))}
}

// add reports whether key fits its type and whether it is there already.
func (p parsedKeys) add(key []byte) (fits, twice bool) {
	if !p.set.IsValid() {
		return true, false
	}
	k := reflect.New(p.set.Type().Key())
	if !parseKey(key, k) {
		return false, false
	}
	if p.set.MapIndex(k.Elem()).IsValid() {
		return true, true
	}
	p.set.SetMapIndex(k.Elem(), reflect.ValueOf(struct{}{}))
	return true, false
}

// parseKey stores key in what to points to, as encoding/json does, and reports
// whether it fits.
func parseKey(key []byte, to reflect.Value) bool {
	if u, ok := to.Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText(bytes.Clone(key)) == nil
	}
	switch v := to.Elem(); {
	case v.CanInt():
		n, err := strconv.ParseInt(string(key), 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	case v.CanUint():
		n, err := strconv.ParseUint(string(key), 10, v.Type().Bits())
		v.SetUint(n)
		return err == nil
	}
	return false
}
