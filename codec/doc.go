// Package codec turns the arguments and results of tasks into bodies of
// messages, and bodies into values: [Msgpack] between nodes, [JSON] for callers
// that know nothing of this library.
//
//	body, err := codec.Msgpack.Marshal(order)
//	...
//	var order Order
//	err = codec.Msgpack.Unmarshal(body, &order)
//
// # What may come in
//
// Bodies come from others. Before anything is decoded from one, a guard looks
// through it, without recursion, and refuses it when
//
//   - it is not exactly one value, or declares more than its bytes can hold,
//   - it is nested deeper than [MaxDepth],
//   - a string in it is not UTF-8; in JSON also for a byte order mark and for
//     half of a surrogate pair,
//   - a map has a key twice, or one that is neither a string nor binary data
//     nor a boolean nor a number,
//   - it is larger than [MaxBody], or decoding it would take far more memory
//     than its size justifies: see [MaxMemory].
//
// What the guard cannot know, since it depends on the Go type, is refused
// while decoding: numbers that the target cannot hold exactly, lists of another
// length than the array that they are for, two keys that are one in Go, such as
// "id" and "ID" in JSON for one field.
//
// # What comes out
//
// Integers, [time.Duration], strings, []byte and lists survive both codecs
// exactly, also inside an any. There, integers come back as int64, or as uint64
// where int64 is too small; floats as float64, maps as map[string]any, lists as
// []any. A [time.Time] survives as the instant that it is, to the nanosecond;
// its location does not: msgpack gives UTC, JSON the offset from it. Both tell
// nil slices, maps and pointers from empty ones.
//
//	Go                        msgpack                 JSON
//	integers, Duration        int, shortest form      number
//	float32, float64          float 32, float 64      number; NaN and Inf are errors
//	string                    str                     string
//	[]byte, [N]byte           bin                     base64 string, array of numbers
//	slice, array              array                   array
//	map                       map, keys in order      object, keys in order
//	struct                    map, fields in order    object, fields in order
//	time.Time                 timestamp extension     RFC 3339 string
//	BinaryMarshaler           bin                     (not used)
//	TextMarshaler             str                     string
//	json.Marshaler            (not used)              what it returns
//
// In msgpack, marshaling methods count where a type has both directions; a type
// with a binary and a text form is written in the binary one, but as text where
// it is a map key. JSON is encoding/json's, with its rules for methods.
//
// Fields have the same names in both codecs: that of the json tag, else the Go
// name. A msgpack tag takes precedence in msgpack. The options omitempty and
// omitzero and embedded structs work as in encoding/json; the option string is
// for JSON only. A struct that has nothing but unexported fields and no methods
// is refused, since nothing of it would arrive. Fields that a body
// has and the struct has not are ignored, so that the two sides need not be
// updated at once.
//
// Numbers may come in any width, and for an integer also as a float that is
// exactly an integer, which is how JavaScript writes large ones. For binary
// data a string will do, and the other way round where it is UTF-8; for the
// integer keys of a map their decimal strings.
//
// # Limits of JSON
//
// JSON writes a float without a fraction as an integer, so inside an any it
// comes back as one; a [time.Time] inside an any comes back as a string, and
// one in a location that is not a whole number of minutes from UTC, as in some
// places before 1940, loses the seconds of that offset. A value that has
// exported fields and marshals only through its pointer must be put into an any
// as a pointer.
package codec
