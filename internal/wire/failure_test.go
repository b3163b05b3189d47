package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

const messageMost = 16 << 10

// carry takes headers and a body through the text that a broker carries:
// lines, split at the first colon, without the white space around the value;
// an empty body arrives as nil.
func carry(t *testing.T, h transport.Header, body []byte) (transport.Header, []byte) {
	t.Helper()
	if err := transport.CheckHeader(h); err != nil {
		t.Errorf("CheckHeader(%q) = %v, want nil", h, err)
	}
	var block strings.Builder
	for key, values := range h {
		for _, v := range values {
			block.WriteString(key + ": " + v + "\r\n")
		}
	}
	got := transport.Header{}
	for line := range strings.Lines(block.String()) {
		key, v, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok {
			t.Fatalf("headers %q: line %q has no colon", h, line)
		}
		got[key] = append(got[key], strings.Trim(v, " \t"))
	}
	if d := cmp.Diff(h, got); d != "" {
		t.Errorf("headers do not survive the trip (-sent +received):\n%s", d)
	}
	if len(body) == 0 {
		body = nil
	}
	return got, body
}

// send encodes f and carries it.
func send(t *testing.T, f *wire.Failure) (transport.Header, []byte) {
	t.Helper()
	h, body := f.Encode()
	return carry(t, h, body)
}

func TestFailure(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]wire.Failure{
		"refusal":              {Code: wire.CodeBusy, Executed: wire.ExecutedNo, Message: "mailbox full"},
		"unknown":              {Code: wire.CodeWorkerLost, Message: "silent for 2s"},
		"plain error":          {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Message: "no such user"},
		"sentinel":             {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "no_rows", Message: "load: no rows"},
		"permanent":            {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Permanent: true, Message: "no"},
		"no message":           {Code: wire.CodeFailed, Executed: wire.ExecutedYes},
		"typed":                {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Message: "check: limit 5", Detail: []byte{0x81, 0xa1, 'n', 5}},
		"typed, nothing":       {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Detail: []byte{}},
		"typed, odd message":   {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Message: " 100%\r\nAt-Error: busy\x00\u202e;a+b/ß\t ", Detail: []byte("x")},
		"typed, looks quoted":  {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Message: "%0d%zz%", Detail: []byte("x")},
		"odd message":          {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Message: "a\r\nb\x00"},
		"longest":              {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Message: strings.Repeat("m", messageMost)},
		"longest, typed":       {Code: wire.CodeFailed, Executed: wire.ExecutedYes, Cause: "limit", Message: strings.Repeat("ß", messageMost/2), Detail: []byte("x")},
		"code of a later time": {Code: "not_yet_known", Executed: wire.ExecutedNo, Message: "?"},
	} {
		got := wire.ParseFailure(send(t, &f))
		if d := cmp.Diff(&f, got); d != "" {
			t.Errorf("%s: ParseFailure(Encode()) (-want +got):\n%s", name, d)
		}
	}
}

func TestFailureCutsMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ message, want string }{
		{strings.Repeat("m", messageMost+1), strings.Repeat("m", messageMost)},
		{strings.Repeat("m", 1<<20), strings.Repeat("m", messageMost)},
		{"m" + strings.Repeat("ß", messageMost), "m" + strings.Repeat("ß", messageMost/2-1)},
		{strings.Repeat("m", messageMost-3) + "\U0001f600", strings.Repeat("m", messageMost-3)},
		{"a\xff\xfeb", "a\ufffdb"},
	} {
		for what, detail := range map[string][]byte{"plain": nil, "typed": []byte("x")} {
			f := wire.Failure{Code: wire.CodeFailed, Message: tt.message, Detail: detail}
			if got := wire.ParseFailure(send(t, &f)).Message; got != tt.want {
				t.Errorf("%s: ParseFailure(Encode(%q…)) = message %q… of %d bytes, want %d",
					what, clip(tt.message), clip(got), len(got), len(tt.want))
			}
		}
		// A sender that cuts nothing is cut by the reader.
		h := transport.Header{wire.HeaderError: {wire.CodeFailed}}
		if got := wire.ParseFailure(h, []byte(tt.message)).Message; got != tt.want {
			t.Errorf("ParseFailure(%q…) = message %q… of %d bytes, want %d", clip(tt.message), clip(got), len(got), len(tt.want))
		}
		h.Set(wire.HeaderErrorMessage, tt.message)
		if got := wire.ParseFailure(h, nil).Message; got != tt.want {
			t.Errorf("ParseFailure(header %q…) = message %q… of %d bytes, want %d", clip(tt.message), clip(got), len(got), len(tt.want))
		}
	}
}

func TestParseFailureForeign(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header transport.Header
		body   string
		want   wire.Failure
	}{
		"no header":     {nil, "boom", wire.Failure{Code: wire.CodeFailed, Message: "boom"}},
		"nothing":       {nil, "", wire.Failure{Code: wire.CodeFailed}},
		"empty code":    {transport.Header{wire.HeaderError: {""}}, "boom", wire.Failure{Code: wire.CodeFailed, Message: "boom"}},
		"no value":      {transport.Header{wire.HeaderError: {}, wire.HeaderErrorMessage: {}}, "boom", wire.Failure{Code: wire.CodeFailed, Message: "boom"}},
		"bad code":      {transport.Header{wire.HeaderError: {"a b\x1b[0m"}}, "boom", wire.Failure{Code: wire.CodeFailed, Message: "boom"}},
		"long code":     {transport.Header{wire.HeaderError: {strings.Repeat("c", wire.MaxToken+1)}}, "boom", wire.Failure{Code: wire.CodeFailed, Message: "boom"}},
		"bad cause":     {transport.Header{wire.HeaderError: {"failed"}, wire.HeaderErrorCause: {"a.b"}}, "", wire.Failure{Code: wire.CodeFailed}},
		"key in lower":  {transport.Header{"at-error": {"busy"}}, "boom", wire.Failure{Code: wire.CodeFailed, Message: "boom"}},
		"odd executed":  {transport.Header{wire.HeaderError: {"busy"}, wire.HeaderExecuted: {"NO"}}, "", wire.Failure{Code: wire.CodeBusy}},
		"odd permanent": {transport.Header{wire.HeaderError: {"busy"}, wire.HeaderErrorPermanent: {"true"}}, "", wire.Failure{Code: wire.CodeBusy}},
		"two codes":     {transport.Header{wire.HeaderError: {"busy", "draining"}}, "", wire.Failure{Code: wire.CodeBusy}},
		"unescaped":     {transport.Header{wire.HeaderErrorMessage: {"100% sure"}}, "x", wire.Failure{Code: wire.CodeFailed, Message: "100% sure", Detail: []byte("x")}},
	} {
		got := wire.ParseFailure(tt.header, []byte(tt.body))
		if d := cmp.Diff(&tt.want, got); d != "" {
			t.Errorf("%s: ParseFailure(%q, %q) (-want +got):\n%s", name, tt.header, tt.body, d)
		}
	}
}

func TestExecutedString(t *testing.T) {
	t.Parallel()
	for e, want := range map[wire.Executed]string{
		wire.ExecutedNo: "no", wire.ExecutedYes: "yes", wire.ExecutedUnknown: "unknown", 200: "unknown",
	} {
		if got := e.String(); got != want {
			t.Errorf("Executed(%d).String() = %q, want %q", e, got, want)
		}
	}
}

func FuzzParseFailure(f *testing.F) {
	f.Fuzz(func(t *testing.T, code, executed, cause, permanent string, typed bool, message string, body []byte) {
		h := transport.Header{
			wire.HeaderError:          {code},
			wire.HeaderExecuted:       {executed},
			wire.HeaderErrorCause:     {cause},
			wire.HeaderErrorPermanent: {permanent},
		}
		if typed {
			h.Set(wire.HeaderErrorMessage, message)
		}
		got := wire.ParseFailure(h, body)
		if len(got.Message) > messageMost || !utf8.ValidString(got.Message) {
			t.Errorf("ParseFailure(%q) = a message of %d bytes, want valid UTF-8 of at most %d", h, len(got.Message), messageMost)
		}
		if typed != (got.Detail != nil) {
			t.Errorf("ParseFailure(%q, %q) = detail %q, want one: %v", h, body, got.Detail, typed)
		}
		if d := cmp.Diff(got, wire.ParseFailure(send(t, got))); d != "" {
			t.Errorf("ParseFailure(Encode(%+v)) (-want +got):\n%s", got, d)
		}
		// What a handler's error may say, whatever it is, fits the frame.
		said := &wire.Failure{Code: wire.CodeFailed, Message: message, Detail: body}
		once := wire.ParseFailure(send(t, said))
		if d := cmp.Diff(once, wire.ParseFailure(send(t, once))); d != "" {
			t.Errorf("ParseFailure(Encode(%+v)) (-want +got):\n%s", once, d)
		}
	})
}
