package wire

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/atasks-io/atasks/transport"
)

// The headers of the protocol. All are optional on a call.
const (
	HeaderContentType    = "Content-Type"
	HeaderError          = "At-Error"
	HeaderExecuted       = "At-Executed"
	HeaderErrorCause     = "At-Error-Cause"
	HeaderErrorMessage   = "At-Error-Message"
	HeaderErrorPermanent = "At-Error-Permanent"
	HeaderAttempt        = "At-Attempt"
	HeaderTell           = "At-Tell"
	HeaderProgress       = "At-Progress"
	HeaderChain          = "At-Chain"
	HeaderAfter          = "At-After"
	HeaderReminder       = "At-Reminder"
	headerMeta           = "At-Meta-"
)

// Tracing headers of the W3C, forwarded untouched.
const (
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
	HeaderBaggage     = "baggage"
)

// Bounds of one metadata entry in bytes.
const (
	maxMetaKey   = 128
	maxMetaValue = 8 << 10
)

// MetaHeader returns the header that carries the metadata key. Tracing
// headers are their own.
func MetaHeader(key string) string {
	switch key {
	case HeaderTraceParent, HeaderTraceState, HeaderBaggage:
		return key
	}
	return headerMeta + key
}

// MetaKey is the inverse of MetaHeader; ok is false for a header that carries
// no metadata. No two headers carry the same key.
func MetaKey(header string) (key string, ok bool) {
	switch header {
	case HeaderTraceParent, HeaderTraceState, HeaderBaggage:
		return header, true
	}
	key, ok = strings.CutPrefix(header, headerMeta)
	return key, ok && key != "" && MetaHeader(key) == header
}

// CheckMeta reports why an entry of metadata cannot travel, or nil.
func CheckMeta(key, value string) error {
	if len(key) == 0 || len(key) > maxMetaKey {
		return fmt.Errorf("metadata key %q has %d bytes, want 1 to %d", clip(key), len(key), maxMetaKey)
	}
	if transport.CheckHeader(transport.Header{MetaHeader(key): nil}) != nil {
		return fmt.Errorf("metadata key %q may hold letters, digits and any of !#$%%&'*+-.^_`|~ only", key)
	}
	if len(value) > maxMetaValue {
		return fmt.Errorf("metadata %q: value has %d bytes, want at most %d", key, len(value), maxMetaValue)
	}
	if transport.CheckHeader(transport.Header{MetaHeader(key): {value}}) != nil {
		return fmt.Errorf("metadata %q: want a value of UTF-8 without line breaks and NUL that neither begins nor ends with a space or tab", key)
	}
	return nil
}

// quoteHeader makes a message of any text fit a header value; unquoteHeader
// undoes it.
func quoteHeader(s string) string { return url.PathEscape(cutUTF8(s, maxMessage)) }

func unquoteHeader(s string) string {
	t, err := url.PathUnescape(s)
	if err != nil {
		t = s
	}
	return cutUTF8(t, maxMessage)
}
