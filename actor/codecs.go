package actor

import (
	"fmt"
	"mime"
	"strings"

	"github.com/atasks-io/atasks/codec"
)

// codecs are those that a node decodes: msgpack, JSON and its own.
type codecs struct {
	own     codec.Codec
	native  codec.Codec // of a call that names none
	foreign codec.Codec // of a foreign call that names none
}

func newCodecs(own codec.Codec) codecs {
	return codecs{own: own, native: codec.Msgpack, foreign: codec.JSON}
}

// byType finds a codec by its content type; parameters do not count.
func (c codecs) byType(contentType string) (codec.Codec, bool) {
	base, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		base = strings.ToLower(strings.TrimSpace(contentType))
	}
	if base == c.own.ContentType() {
		return c.own, true
	}
	return codec.ByContentType(base)
}

// names lists the content types, for people.
func (c codecs) names() string {
	names := []string{codec.Msgpack.ContentType(), codec.JSON.ContentType()}
	if c.own != codec.Msgpack && c.own != codec.JSON {
		names = append(names, c.own.ContentType())
	}
	return strings.Join(names, ", ")
}

// marshal encodes a value with a codec that may be the user's, whose panic must
// not cost more than the call: what was reserved for it is given back.
func marshal(c codec.Codec, v any) (body []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the codec panicked: %v", r)
		}
	}()
	return c.Marshal(v)
}
