package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Frame says what a message to a return address is.
type Frame uint8

// The frames. A message whose last token is none of these is UnknownFrame and
// is ignored, so that later versions may add some.
const (
	UnknownFrame Frame = iota
	FrameResult
	FrameError
	FrameAccepted
	FrameProgress
)

// The tokens of the frames, with the dot before them.
const (
	SuffixResult   = ".ok"
	SuffixError    = ".err"
	SuffixAccepted = ".acc"
	SuffixProgress = ".pro"
)

// FrameSubject is where a frame goes that names its call in its reply field:
// one subject for all calls of a node, given its InboxPrefix. A broker that has
// never seen a subject has to work out who listens, and every call has another
// return address.
func FrameSubject(inbox, suffix string) string {
	return strings.TrimSuffix(inbox, ".") + suffix
}

// ParseInbox reads the subject and the reply field of a message to a node's
// inbox, given the node's InboxPrefix: which call it is for and which frame it
// is. bare says that the subject is an address without a frame, where only the
// broker's own NoResponders arrives.
func ParseInbox(inbox, subject, reply string) (call string, frame Frame, bare, ok bool) {
	rest, ok := strings.CutPrefix(subject, inbox)
	if !ok {
		return "", UnknownFrame, false, false
	}
	call, rest, long := strings.Cut(rest, ".")
	if !long && reply != "" {
		return reply, frameOf(subject[len(inbox)-1:]), false, true
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 || call == "" {
		return "", UnknownFrame, false, false
	}
	if frame = frameOf(rest[dot:]); frame == UnknownFrame {
		_, bare = parseDepth(rest[dot+1:])
	}
	return call, frame, bare, true
}

func frameOf(suffix string) Frame {
	switch suffix {
	case SuffixResult:
		return FrameResult
	case SuffixError:
		return FrameError
	case SuffixAccepted:
		return FrameAccepted
	case SuffixProgress:
		return FrameProgress
	default:
		return UnknownFrame
	}
}

// Progress is the body of a progress frame.
type Progress struct {
	Done, Total int64
	Note        string
}

// Bounds of a progress frame in bytes.
const (
	maxNote     = 1024
	maxProgress = maxNote + 2*len("-9223372036854775808 ")
)

// AppendProgress appends the body of a progress frame: done, total and note,
// separated by spaces. A note that is too long is cut, one that is not UTF-8
// is repaired.
func AppendProgress(b []byte, p Progress) []byte {
	b = strconv.AppendInt(b, p.Done, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, p.Total, 10)
	b = append(b, ' ')
	return append(b, cutUTF8(p.Note, maxNote)...)
}

// ParseProgress reads the body of a progress frame.
func ParseProgress(b []byte) (p Progress, ok bool) {
	if len(b) > maxProgress {
		return p, false
	}
	done, rest, ok := strings.Cut(string(b), " ")
	if !ok {
		return p, false
	}
	total, note, ok := strings.Cut(rest, " ")
	if !ok || len(note) > maxNote || !utf8.ValidString(note) {
		return p, false
	}
	var err error
	if p.Done, err = strconv.ParseInt(done, 10, 64); err != nil {
		return p, false
	}
	if p.Total, err = strconv.ParseInt(total, 10, 64); err != nil {
		return p, false
	}
	p.Note = note
	return p, true
}
