package codec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// restoreNumbers replaces every json.Number in an any that v, of the type x,
// holds by an int64, uint64 or float64. encoding/json alone would make all of
// them float64, which does not hold 2^53+1.
func restoreNumbers(x *jsonType, v reflect.Value, depth int) error {
	if depth > maxHops {
		return fmt.Errorf("%v was given a value that holds itself", x.typ)
	}
	if !x.leadsToAny {
		return nil
	}
	switch x.kind {
	case jsonAny:
		n, changed, err := restored(v.Interface())
		if changed && err == nil {
			v.Set(reflect.ValueOf(n))
		}
		return err
	case jsonPointer:
		if !v.IsNil() {
			return restoreNumbers(x.elem, v.Elem(), depth+1)
		}
	case jsonSlice, jsonArray:
		for i := range v.Len() {
			if err := restoreNumbers(x.elem, v.Index(i), depth+1); err != nil {
				return withinIndex(err, i)
			}
		}
	case jsonMap:
		elem := reflect.New(x.elem.typ).Elem()
		for it := v.MapRange(); it.Next(); {
			elem.SetIterValue(it)
			if err := restoreNumbers(x.elem, elem, depth+1); err != nil {
				return withinKey(err, it.Key())
			}
			v.SetMapIndex(it.Key(), elem)
		}
	case jsonStruct:
		for _, f := range x.fields {
			if fv, ok := fieldIn(v, f.index, false); ok {
				if err := restoreNumbers(f.typ, fv, depth+1); err != nil {
					return withinField(err, f.name)
				}
			}
		}
	}
	return nil
}

// restored returns what v, decoded from JSON into an any, becomes, and whether
// that is another value. Lists and maps are changed in place.
func restored(v any) (_ any, changed bool, err error) {
	switch v := v.(type) {
	case json.Number:
		n, err := number(string(v))
		return n, true, err
	case []any:
		for i, x := range v {
			n, changed, err := restored(x)
			if err != nil {
				return nil, false, withinIndex(err, i)
			}
			if changed {
				v[i] = n
			}
		}
	case map[string]any:
		for k, x := range v {
			n, changed, err := restored(x)
			if err != nil {
				return nil, false, withinKey(err, reflect.ValueOf(k))
			}
			if changed {
				v[k] = n
			}
		}
	}
	return v, false, nil
}

// number returns the JSON number s: as int64 or uint64 when it is written as
// an integer that fits, else as float64. Minus zero is a float.
func number(s string) (any, error) {
	if s != "-0" && !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return n, nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("the number %.32s does not fit float64", s)
	}
	return f, nil
}
