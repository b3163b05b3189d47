package wire

import (
	"strings"
	"unicode/utf8"

	"github.com/atasks-io/atasks/transport"
)

// The codes of the protocol. The list only grows.
const (
	CodeNoWorker     = "no_worker"
	CodeBusy         = "busy"
	CodeDraining     = "draining"
	CodeDisconnected = "disconnected"
	CodeWorkerLost   = "worker_lost"
	CodeDeadline     = "deadline"
	CodeCancelled    = "cancelled"
	CodeBadInput     = "bad_input"
	CodeTooDeep      = "too_deep"
	CodeTooLarge     = "too_large"
	CodePanicked     = "panicked"
	CodeFailed       = "failed"
	CodeMoved        = "moved"
	CodeConflict     = "conflict"
	CodeCycle        = "cycle"
	CodeUnsaved      = "unsaved"
)

// Executed says whether the handler of a failed call ran.
type Executed uint8

// The zero value is the careful one.
const (
	ExecutedUnknown Executed = iota
	ExecutedNo
	ExecutedYes
)

// String returns the word that travels.
func (e Executed) String() string {
	switch e {
	case ExecutedNo:
		return "no"
	case ExecutedYes:
		return "yes"
	default:
		return "unknown"
	}
}

func parseExecuted(s string) Executed {
	switch s {
	case "no":
		return ExecutedNo
	case "yes":
		return ExecutedYes
	default:
		return ExecutedUnknown
	}
}

// Failure is what an error frame says. Code and Cause are tokens (see
// CheckToken): they travel in headers as they are.
type Failure struct {
	Code      string
	Executed  Executed
	Cause     string // the code of a cause that errors.Is or errors.As must find
	Permanent bool   // the handler said that running again cannot help
	Message   string
	Detail    []byte // the encoding of a typed error; nil without one
}

// maxMessage bounds the message of an error frame in bytes.
const maxMessage = 16 << 10

// Encode returns the headers and the body of an error frame.
func (f *Failure) Encode() (transport.Header, []byte) {
	h := transport.Header{}
	h.Set(HeaderError, f.Code)
	h.Set(HeaderExecuted, f.Executed.String())
	if f.Cause != "" {
		h.Set(HeaderErrorCause, f.Cause)
	}
	if f.Permanent {
		h.Set(HeaderErrorPermanent, "yes")
	}
	if f.Detail == nil {
		return h, []byte(cutUTF8(f.Message, maxMessage))
	}
	h.Set(HeaderErrorMessage, quoteHeader(f.Message))
	return h, f.Detail
}

// ParseFailure reads an error frame. A frame without a code is read as
// CodeFailed, so that no error is ever taken for a result, and a cause that is
// no token is dropped. The Detail of a typed error is body itself.
func ParseFailure(h transport.Header, body []byte) *Failure {
	f := &Failure{
		Code:      h.Get(HeaderError),
		Executed:  parseExecuted(h.Get(HeaderExecuted)),
		Cause:     h.Get(HeaderErrorCause),
		Permanent: h.Get(HeaderErrorPermanent) == "yes",
	}
	if !isWhole(f.Code) {
		f.Code = CodeFailed
	}
	if !isWhole(f.Cause) {
		f.Cause = ""
	}
	message, typed := h[HeaderErrorMessage]
	if !typed || len(message) == 0 {
		// A rune beyond the bound lets cutUTF8 see where the last one that fits
		// ends; the rest of a large body is not worth a copy.
		f.Message = cutUTF8(string(body[:min(len(body), maxMessage+utf8.UTFMax)]), maxMessage)
		return f
	}
	f.Message, f.Detail = unquoteHeader(message[0]), body
	if f.Detail == nil {
		// Transports may deliver an empty body as nil, and some codecs encode a
		// value to nothing.
		f.Detail = []byte{}
	}
	return f
}

// cutUTF8 returns s as valid UTF-8 of at most most bytes.
func cutUTF8(s string, most int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
