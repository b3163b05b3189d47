package codec

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"time"
)

// timestamp is the extension type of a time.
const timestamp = -1

// maxSeconds is the last second since 1970 that time.Time can hold, as it
// counts from the year 1.
const maxSeconds = math.MaxInt64 - 62135596800

// timeShape is time.Time: its instant, to the nanosecond. Its location is not
// kept; what is read is UTC.
type timeShape struct{}

func (timeShape) encode(e *encoder, v reflect.Value) error {
	t, ok := reflect.TypeAssert[time.Time](v)
	if !ok {
		return errors.New("a time that cannot be read")
	}
	return e.time(t)
}

func (timeShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	at, err := d.asTime(t)
	if err == nil {
		*v.Addr().Interface().(*time.Time) = at
	}
	return err
}

// time appends the shortest of the three forms that the specification gives.
func (e *encoder) time(t time.Time) error {
	sec, nsec := t.Unix(), uint64(t.Nanosecond())
	switch {
	case uint64(sec) <= math.MaxUint32 && nsec == 0:
		e.buf = append(e.buf, 0xd6, 0xff)
		e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(sec))
	case uint64(sec) < 1<<34:
		e.buf = append(e.buf, 0xd7, 0xff)
		e.buf = binary.BigEndian.AppendUint64(e.buf, nsec<<34|uint64(sec))
	default:
		e.buf = append(e.buf, 0xc7, 12, 0xff)
		e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(nsec))
		e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(sec))
	}
	return nil
}

// asTime returns the time t. A string in RFC 3339 will do.
func (d *decoder) asTime(t token) (time.Time, error) {
	switch t.kind {
	case kindStr:
		at, err := time.Parse(time.RFC3339Nano, string(d.bytes(t)))
		if err != nil {
			return time.Time{}, d.failf("a string that is not in RFC 3339 does not fit time.Time")
		}
		return at.UTC(), nil
	case kindExt:
		if t.ext != timestamp {
			return time.Time{}, d.failf("an extension of type %d does not fit time.Time", t.ext)
		}
	default:
		return time.Time{}, d.mismatch(t, "time.Time")
	}

	var sec int64
	var nsec uint64
	switch b := d.bytes(t); len(b) {
	case 4:
		sec = int64(binary.BigEndian.Uint32(b))
	case 8:
		x := binary.BigEndian.Uint64(b)
		sec, nsec = int64(x&(1<<34-1)), x>>34
	case 12:
		sec, nsec = int64(binary.BigEndian.Uint64(b[4:])), uint64(binary.BigEndian.Uint32(b))
	default:
		return time.Time{}, d.failf("a timestamp of %d bytes", len(b))
	}
	if sec > maxSeconds || nsec >= 1e9 {
		return time.Time{}, d.failf("a timestamp of %d s and %d ns", sec, nsec)
	}
	return time.Unix(sec, int64(nsec)).UTC(), nil
}
