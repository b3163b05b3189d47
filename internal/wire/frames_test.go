package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/internal/wire"
)

const (
	inbox    = "at.default.reply.any.n1."
	noteMost = 1024
)

func TestParseInbox(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		subject string
		reply   string
		call    string
		frame   wire.Frame
		bare    bool
		ok      bool
	}{
		{inbox + "ok", "c7", "c7", wire.FrameResult, false, true},
		{inbox + "err", "c7-2", "c7-2", wire.FrameError, false, true},
		{inbox + "acc", "c7", "c7", wire.FrameAccepted, false, true},
		{inbox + "pro", "c7", "c7", wire.FrameProgress, false, true},
		{inbox + "later", "c7", "c7", wire.UnknownFrame, false, true},
		{inbox + "ok", "", "", wire.UnknownFrame, false, false},
		{inbox + "c7", "", "", wire.UnknownFrame, false, false},
		{inbox, "c7", "c7", wire.UnknownFrame, false, true},

		{inbox + "c7.3uw.3.ok", "", "c7", wire.FrameResult, false, true},
		{inbox + "c7.3uw.3.err", "", "c7", wire.FrameError, false, true},
		{inbox + "c7.3uw.3.acc", "", "c7", wire.FrameAccepted, false, true},
		{inbox + "c7.3uw.3.pro", "", "c7", wire.FrameProgress, false, true},
		{inbox + "c7.-.0", "", "c7", wire.UnknownFrame, true, true},
		{inbox + "c7.3uw.3.reserved.ok", "", "c7", wire.FrameResult, false, true},
		{inbox + "c7-2.3uw.3.ok", "", "c7-2", wire.FrameResult, false, true},

		{inbox + "c7.3uw.3.later", "", "c7", wire.UnknownFrame, false, true},
		{inbox + "c7.3uw.3.OK", "", "c7", wire.UnknownFrame, false, true},
		{inbox + "c7.3uw.3.okay", "", "c7", wire.UnknownFrame, false, true},
		{inbox + "c7.3uw.3.book", "", "c7", wire.UnknownFrame, false, true},
		{inbox + "c7.3uw.-3", "", "c7", wire.UnknownFrame, false, true},

		{"", "", "", wire.UnknownFrame, false, false},
		{"_INBOX.a.b", "", "", wire.UnknownFrame, false, false},
		{"at.default.reply.any.n2.c7.3uw.3.ok", "", "", wire.UnknownFrame, false, false},
		{"at.default.reply.any.n1", "", "", wire.UnknownFrame, false, false},
		{inbox, "", "", wire.UnknownFrame, false, false},
		{inbox + "c7", "", "", wire.UnknownFrame, false, false},
		{inbox + "c7.ok", "", "", wire.UnknownFrame, false, false},
		{inbox + ".3uw.3.ok", "", "", wire.UnknownFrame, false, false},
	} {
		call, frame, bare, ok := wire.ParseInbox(inbox, tt.subject, tt.reply)
		if call != tt.call || frame != tt.frame || bare != tt.bare || ok != tt.ok {
			t.Errorf("ParseInbox(%q, %q) = %q, %v, %v, %v, want %q, %v, %v, %v",
				tt.subject, tt.reply, call, frame, bare, ok, tt.call, tt.frame, tt.bare, tt.ok)
		}
	}
}

func FuzzParseInbox(f *testing.F) {
	suffixes := map[wire.Frame]string{
		wire.FrameResult: wire.SuffixResult, wire.FrameError: wire.SuffixError,
		wire.FrameAccepted: wire.SuffixAccepted, wire.FrameProgress: wire.SuffixProgress,
	}
	f.Fuzz(func(t *testing.T, subject, reply string) {
		call, frame, bare, ok := wire.ParseInbox(inbox, subject, reply)
		if !ok {
			if call != "" || bare {
				t.Errorf("ParseInbox(%q, %q) = %q, %v, %v, false, want zeroes", subject, reply, call, frame, bare)
			}
			return
		}
		short := subject == wire.FrameSubject(inbox, "."+subject[len(inbox):]) && !strings.Contains(subject[len(inbox):], ".")
		if short && call != reply {
			t.Errorf("ParseInbox(%q, %q) = call %q, want what the reply field holds", subject, reply, call)
		}
		if !short && (call == "" || strings.Contains(call, ".") || !strings.HasPrefix(subject, inbox+call+".")) {
			t.Errorf("ParseInbox(%q, %q) = call %q, want the token after the prefix", subject, reply, call)
		}
		if bare && (short || frame != wire.UnknownFrame) {
			t.Errorf("ParseInbox(%q, %q) = %v, bare, want one of the two", subject, reply, frame)
		}
		if !strings.HasSuffix(subject, suffixes[frame]) {
			t.Errorf("ParseInbox(%q, %q) = %v, want the subject to end in %q", subject, reply, frame, suffixes[frame])
		}
		for known, suffix := range suffixes {
			if frame == wire.UnknownFrame && strings.HasSuffix(subject, suffix) {
				t.Errorf("ParseInbox(%q, %q) = %v, want %v", subject, reply, frame, known)
			}
		}
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    wire.Progress
		body string
		back wire.Progress
	}{
		{wire.Progress{Done: 3, Total: 10, Note: "copying"}, "3 10 copying", wire.Progress{Done: 3, Total: 10, Note: "copying"}},
		{wire.Progress{}, "0 0 ", wire.Progress{}},
		{wire.Progress{Done: -1, Total: -2}, "-1 -2 ", wire.Progress{Done: -1, Total: -2}},
		{
			wire.Progress{Done: 1<<63 - 1, Total: -1 << 63, Note: " two  spaces\nand a line "},
			"9223372036854775807 -9223372036854775808  two  spaces\nand a line ",
			wire.Progress{Done: 1<<63 - 1, Total: -1 << 63, Note: " two  spaces\nand a line "},
		},
		{wire.Progress{Note: "a\xffb"}, "0 0 a\ufffdb", wire.Progress{Note: "a\ufffdb"}},
		{
			wire.Progress{Note: strings.Repeat("n", noteMost+1)},
			"0 0 " + strings.Repeat("n", noteMost),
			wire.Progress{Note: strings.Repeat("n", noteMost)},
		},
		{ // a rune across the bound goes as a whole
			wire.Progress{Note: "n" + strings.Repeat("ß", noteMost/2)},
			"0 0 n" + strings.Repeat("ß", noteMost/2-1),
			wire.Progress{Note: "n" + strings.Repeat("ß", noteMost/2-1)},
		},
	} {
		body := wire.AppendProgress(nil, tt.p)
		if string(body) != tt.body {
			t.Errorf("AppendProgress(%+v) = %q, want %q", tt.p, body, tt.body)
		}
		got, ok := wire.ParseProgress(body)
		if d := cmp.Diff(tt.back, got); d != "" || !ok {
			t.Errorf("ParseProgress(%q) = %v (-want +got):\n%s", body, ok, d)
		}
	}
}

func TestParseProgressRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", " ", "  ", "1", "1 2", "1  2", "a 2 x", "1 b x", "1.5 2 x", "1e3 2 x", "0x1 2 x", "1_0 2 x",
		"9223372036854775808 1 x", "1 -9223372036854775809 x", "NaN Inf x", "\xff 1 x",
		"1 2 \xff", "1 2 " + strings.Repeat("n", noteMost+1), strings.Repeat("9", 1<<16) + " 1 x", strings.Repeat("0", 1100) + "1 2 x",
	} {
		if p, ok := wire.ParseProgress([]byte(body)); ok {
			t.Errorf("ParseProgress(%q) = %+v, true, want false", clip(body), p)
		}
	}
}

func FuzzParseProgress(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		p, ok := wire.ParseProgress(body)
		if !ok {
			return
		}
		if len(p.Note) > noteMost || !utf8.ValidString(p.Note) {
			t.Errorf("ParseProgress(%q) = a note of %d bytes, want valid UTF-8 of at most %d", body, len(p.Note), noteMost)
		}
		again, ok := wire.ParseProgress(wire.AppendProgress(nil, p))
		if d := cmp.Diff(p, again); d != "" || !ok {
			t.Errorf("ParseProgress(AppendProgress(%+v)) = %v (-want +got):\n%s", p, ok, d)
		}
	})
}
