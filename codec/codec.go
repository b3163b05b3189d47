package codec

import "strings"

// Codec turns values into bodies and bodies into values. Its methods never
// block and may be called from any goroutine.
type Codec interface {
	// ContentType returns the media type of the bodies, in lower case and
	// without parameters.
	ContentType() string

	// Marshal returns the body for v. The body belongs to the caller and
	// shares no memory with v; v is not changed and not kept. What Marshal
	// returns passes the guard of Unmarshal: a value that is nested deeper
	// than MaxDepth, holds itself or holds a string that is not UTF-8 is an
	// error. The same value gives the same bytes, on every machine.
	//
	// An error names the Go type, the field where it is known, and what is
	// wrong. A panic of a marshaling method that v's type brings is returned as
	// an error.
	Marshal(v any) ([]byte, error)

	// Unmarshal stores the value that data holds in what v points to. v must
	// be a non-nil pointer. data is not changed and not kept, and the value
	// shares no memory with it.
	//
	// Nothing is decoded from data that the guard refuses: see the package
	// comment. A number that the target cannot hold exactly is an error, never
	// another number. A null leaves its target as it is, or sets it to nil
	// where that is possible. Fields that data does not mention keep their
	// value; of earlier contents of maps and slices nothing is promised, and
	// after an error nothing about what v points to.
	//
	// An error names the Go type, the place in data and what is wrong. A panic
	// of an unmarshaling method that v's type brings is returned as an error.
	Unmarshal(data []byte, v any) error
}

// The codecs of this package. They hold no settings and are not to be
// replaced.
var (
	// Msgpack is the codec for "application/msgpack", the default between
	// nodes.
	Msgpack Codec = newMsgpackCodec()

	// JSON is the codec for "application/json", the default of callers that
	// know nothing of this library.
	JSON Codec = newJSONCodec()
)

// ByContentType returns the codec for the media type ct. Letter case, spaces
// around it and parameters such as "; charset=utf-8" do not matter. It reports
// false when this package has no such codec, and for an empty ct.
func ByContentType(ct string) (Codec, bool) {
	media, _, _ := strings.Cut(ct, ";")
	media = strings.TrimSpace(media)
	for _, c := range []Codec{Msgpack, JSON} {
		if strings.EqualFold(media, c.ContentType()) {
			return c, true
		}
	}
	return nil, false
}
