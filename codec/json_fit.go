package codec

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// What a JSON value without parts can be, as encoding/json calls it.
const (
	jsonString = "string"
	jsonBool   = "bool"
	jsonNumber = "number"
)

// checked reports whether it is known what x accepts.
func (x *jsonType) checked() bool { return x != nil && x.kind != jsonOwn }

// fit returns an error unless the value that was passed over last, which began
// at start, fits x. encoding/json looks as well, but it goes on decoding after
// a value that does not fit and makes an error of each.
func (c *jsonCheck) fit(x *jsonType, start int, what string) error {
	if !x.checked() {
		return nil
	}
	if x.kind == jsonAny {
		switch what {
		case jsonString:
			c.memory -= stringCost
		case jsonNumber:
			c.memory -= numberCost
		}
		return nil
	}
	switch t, text := x.typ, c.b[start:c.i]; {
	case t == reflect.TypeFor[json.Number]():
		return nil
	case what == jsonString:
		if x.kind == jsonText || x.kind == jsonScalar && t.Kind() == reflect.String || x.kind == jsonSlice && t.Elem().Kind() == reflect.Uint8 {
			return nil
		}
	case what == jsonBool:
		if t.Kind() == reflect.Bool {
			return nil
		}
	case x.kind == jsonScalar && numberFits(string(text), t):
		return nil
	case what == jsonNumber:
		return faultAt(start, "%s %.32s does not fit %v", what, text, x.typ)
	}
	return faultAt(start, "%s does not fit %v", what, x.typ)
}

// numberFits reports whether the number s fits the type t.
func numberFits(s string, t reflect.Type) bool {
	var err error
	switch v := reflect.Zero(t); {
	case v.CanInt():
		_, err = strconv.ParseInt(s, 10, t.Bits())
	case v.CanUint():
		_, err = strconv.ParseUint(s, 10, t.Bits())
	case v.CanFloat():
		_, err = strconv.ParseFloat(s, t.Bits())
	default:
		return false
	}
	return err == nil
}
