package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/atasks-io/atasks/codec"
)

// hostileMessages are the messages that are sent to a worker whose broker
// carries 1 MiB.
func hostileMessages() []hostile {
	var all []hostile
	all = append(all, hostileMsgpack()...)
	all = append(all, hostileBombs(1<<20)...)
	all = append(all, hostileJSON()...)
	all = append(all, hostileHeaders()...)
	all = append(all, hostileAddresses()...)
	all = append(all, hostileVerbs()...)
	return append(all, hostileNames()...)
}

// text is one body.
func text(s string) [][]byte { return [][]byte{[]byte(s)} }

// many is one body of n times a unit, with something before it.
func many(before, unit string, n int) [][]byte { return text(before + strings.Repeat(unit, n)) }

// counted is a msgpack array of units that takes size bytes.
func counted(unit string, size int) [][]byte {
	n := (size - 5) / len(unit)
	return many(string(binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n))), unit, n)
}

// honest is a body that nothing is wrong with.
func honest() []byte {
	b, _ := codec.Msgpack.Marshal(record{ // the first message that is sent shows that it can be encoded
		ID: 7, Count: 1 << 20, Name: "gopher", Data: []byte{1, 2}, When: time.Unix(1, 5).UTC(), Ratio: 1.5,
		Tags: map[string]string{"a": "b"}, More: []record{{ID: 1}},
	})
	return b
}

func hostileMsgpack() []hostile {
	var truncated, flipped [][]byte
	whole := honest()
	for i := range whole {
		if i > 0 {
			truncated = append(truncated, whole[:i])
		}
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		flipped = append(flipped, b)
	}
	return []hostile{
		{name: "an honest one", task: "record", bodies: [][]byte{honest()}, want: "ok"},
		{name: "nothing", want: "ok"},
		{name: "nothing for a record", task: "record", want: "ok"},
		{name: "the reserved byte", bodies: text("\xc1"), want: "bad_input"},
		{name: "array key", bodies: text("\x81\x91\x01\x01"), want: "bad_input"},
		{name: "key twice", task: "record", bodies: text("\x82\xa2id\x01\xa2id\x02"), want: "bad_input"},
		{name: "extra bytes", bodies: text("\x01\x01"), want: "bad_input"},
		{name: "truncated", task: "record", bodies: truncated, want: "bad_input"},
		{name: "a bit flipped", task: "record", bodies: flipped, want: "ok|bad_input"},
		{name: "300 as int8", task: "record", bodies: text("\x81\xa2id\xcd\x01\x2c"), want: "bad_input"},
		{name: "-1 as uint32", task: "record", bodies: text("\x81\xa5count\xff"), want: "bad_input"},
		{name: "NaN as a number", task: "numbers", bodies: text("\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01"), want: "bad_input"},
		{name: "infinity as a duration", task: "record", bodies: text("\x81\xa4wait\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), want: "bad_input"},
		{name: "not UTF-8", task: "text", bodies: text("\xa2\xff\xfe"), want: "bad_input"},
		{name: "NUL in a string", task: "text", bodies: text("\xa3a\x00b"), want: "ok"},
		{name: "time of 5 bytes", task: "record", bodies: text("\x81\xa4when\xc7\x05\xff\x00\x00\x00\x00\x00"), want: "bad_input"},
		{name: "time in the year 10^9", task: "record", bodies: text("\x81\xa4when\xc7\x0c\xff\x00\x00\x00\x00\x00\x70\x00\x00\x00\x00\x00\x00"), want: "ok"},
		{name: "unknown ext", bodies: text("\xd4\x05\x00"), want: "bad_input"},
		{name: "JSON said msgpack", bodies: text(`{"id":1}`), want: "bad_input"},
		{name: "gzip", header: "Content-Encoding: gzip", bodies: [][]byte{zipped()}, want: "bad_input"},
	}
}

// zipped is a mebibyte of zeros for who would unpack it.
func zipped() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	return b.Bytes()
}

// hostileBombs are bodies of up to size bytes that ask for more memory or time
// than they are worth.
func hostileBombs(size int) []hostile {
	full := size - 200 // room for the headers
	return []hostile{
		{name: "array bomb", bodies: text("\xdd\xff\xff\xff\xff"), want: "bad_input"},
		{name: "array bomb for numbers", task: "numbers", bodies: text("\xdd\xff\xff\xff\xff"), want: "bad_input"},
		{name: "array bomb for records", task: "records", bodies: text("\xdd\xff\xff\xff\xff"), want: "bad_input"},
		{name: "map bomb", bodies: text("\xdf\xff\xff\xff\xff"), want: "bad_input"},
		{name: "bin bomb", task: "bytes", bodies: text("\xc6\xff\xff\xff\xff"), want: "bad_input"},
		{name: "str bomb", task: "text", bodies: text("\xdb\xff\xff\xff\xff"), want: "bad_input"},
		{name: "ext bomb", bodies: text("\xc9\xff\xff\xff\xff\x05"), want: "bad_input"},
		{name: "array bombs in each other", bodies: many("", "\xdc\xff\xff", 30_000), want: "bad_input"},
		{name: "deep arrays", bodies: many("", "\x91", full), want: "bad_input"},
		{name: "deep maps", bodies: many("", "\x81\xa1c", full/3), want: "bad_input"},
		{name: "deep in an unknown field", task: "void", bodies: many("\x81\xa1x", "\x91", full-4), want: "bad_input"},
		{name: "ten times too large", bodies: many("", "\x91", 10*size), want: broker},
		{name: "nils", bodies: counted("\xc0", full), want: "ok"},
		{name: "nils for records", task: "records", bodies: counted("\xc0", full), want: "bad_input"},
		{name: "nils for numbers", task: "numbers", bodies: counted("\xc0", full), want: "ok"},
		{name: "empty maps for records", task: "records", bodies: counted("\x80", full), want: "bad_input"},
		{name: "empty maps", bodies: counted("\x80", full), want: "bad_input"},
		{name: "small maps", bodies: counted("\x81\xa1a\x01", full), want: "bad_input"},
		{name: "deep JSON", json: true, bodies: many("", "[", full), want: "bad_input"},
		{name: "deep JSON objects", json: true, bodies: many("", `{"a":`, full/5), want: "bad_input"},
		{name: "empty JSON objects", json: true, bodies: text("[" + strings.Repeat("{},", full/3-1) + "{}]"), want: "bad_input"},
		{name: "JSON nulls for records", json: true, task: "records", bodies: text("[" + strings.Repeat("null,", full/5-2) + "null]"), want: "bad_input"},
		{name: "an endless JSON string", json: true, task: "text", bodies: many(`"`, "a", full-1), want: "bad_input"},
		{name: "a JSON number of all digits", json: true, bodies: many("", "9", full), want: "bad_input"},
		{name: "as large as fits", task: "bytes", bodies: many(string(binary.BigEndian.AppendUint32([]byte{0xc6}, uint32(full-5))), "x", full-5), want: "ok"},
		{name: "one byte too large", reply: "at.default.reply.evil.n1.c1.-.0", header: "Content-Type: a", bodies: text(strings.Repeat("x", size+1-len("NATS/1.0\r\nContent-Type: a\r\n\r\n"))), want: broker},
	}
}

func hostileJSON() []hostile {
	rows := []hostile{
		{name: "nested 10001 deep", bodies: text(strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)), want: "bad_input"},
		{name: "key twice", bodies: text(`{"a":1,"a":2}`), want: "bad_input"},
		{name: "key in other letters", task: "record", bodies: text(`{"id":1,"ID":2}`), want: "bad_input"},
		{name: "1e400", bodies: text(`1e400`), want: "bad_input"},
		{name: "minus zero", bodies: text(`-0`), want: "ok"},
		{name: "2^53+1", task: "echo", bodies: text(`9007199254740993`), want: "ok"},
		{name: "half a surrogate pair", bodies: text(`"\ud800"`), want: "bad_input"},
		{name: "a byte order mark", bodies: text("\ufeff1"), want: "bad_input"},
		{name: "NUL escaped", task: "text", bodies: text(`"\u0000"`), want: "ok"},
		{name: "extra after the value", bodies: text(`1}`), want: "bad_input"},
		{name: "two values", bodies: text(`1 2`), want: "bad_input"},
		{name: "NaN", bodies: text(`NaN`), want: "bad_input"},
		{name: "null for a record", task: "record", bodies: text(`null`), want: "ok"},
		{name: "array for a record", task: "record", bodies: text(`[]`), want: "bad_input"},
		{name: "not UTF-8", bodies: text("\"\xff\""), want: "bad_input"},
		{name: "NUL", bodies: text("\x00"), want: "bad_input"},
		{name: "msgpack said JSON", bodies: [][]byte{honest()}, want: "bad_input"},
		{name: "spaces", bodies: many("", " ", 100_000), want: "bad_input"},
		{name: "300 as int8", task: "record", bodies: text(`{"id":300}`), want: "bad_input"},
		{name: "-1 as uint32", task: "record", bodies: text(`{"count":-1}`), want: "bad_input"},
		{name: "not base64", task: "bytes", bodies: text(`"*"`), want: "bad_input"},
	}
	for i := range rows {
		rows[i].json = true
		rows[i].name = "JSON: " + rows[i].name
	}
	return rows
}

func hostileHeaders() []hostile {
	one := text("\x01")
	long := strings.Repeat("x", 40_000)
	return []hostile{
		{name: "unknown codec", header: "Content-Type: application/x-gob", bodies: one, want: "bad_input"},
		{name: "mangled codec", header: "Content-Type: ;;;", bodies: one, want: "bad_input"},
		{name: "codec of 40 KB", header: "Content-Type: " + long, bodies: one, want: "bad_input"},
		{name: "unknown header", header: "At-Later: 1\r\nX-Y: z", bodies: one, want: "ok"},
		{name: "attempt -1", header: "At-Attempt: -1", bodies: one, want: "ok"},
		{name: "attempt beyond all", header: "At-Attempt: 9223372036854775808", bodies: one, want: "ok"},
		{name: "attempt that is none", header: "At-Attempt: \x00", bodies: one, want: "ok"},
		{name: "headers of 70 KB", header: "X-A: " + long + "\r\nX-B: " + long, bodies: one, want: "ok|broker"},
		{name: "ten thousand headers", header: manyHeaders(10_000), bodies: one, want: "ok|broker"},
		{name: "ten thousand metadata", header: strings.ReplaceAll(manyHeaders(10_000), "X-", "At-Meta-"), bodies: one, want: "ok|broker"},
		{name: "metadata with control bytes", header: "At-Meta-a: \x1b]0;x\x07\r\nAt-Meta-\x01: b", bodies: one, want: "ok"},
		{name: "metadata without a key", header: "At-Meta-: a", bodies: one, want: "ok"},
		{name: "Nats-Rollup", header: "Nats-Rollup: all", bodies: one, want: "ok"},
		{name: "Nats-TTL", header: "Nats-TTL: 1s", bodies: one, want: "ok"},
		{name: "Nats-Expected-Last-Sequence", header: "Nats-Expected-Last-Sequence: 0", bodies: one, want: "ok"},
		{name: "Status", header: "Status: 503", bodies: one, want: "ok"},
		{name: "error headers on a call", header: "At-Error: failed\r\nAt-Executed: no", bodies: one, want: "ok"},
		{name: "a tell to an inbox", reply: "_INBOX.evil.tell", header: "Content-Type: application/json\r\nAt-Tell: yes\r\nAt-Progress: yes", bodies: text("1"), want: "ok"},
		// The client hands on what it cannot read without its headers, so what
		// kind of body it is depends on who is to be answered.
		{name: "header without a colon", reply: "_INBOX.evil.h1", header: "Content-Type application/json", bodies: text("1"), want: "ok|bad_input"},
		{name: "header of control bytes", reply: "_INBOX.evil.h2", header: "\x00\x01: \x02", bodies: text("1"), want: "ok|bad_input"},
		{name: "header with a bare LF", reply: "_INBOX.evil.h3", header: "A: b\nPUB x 0", bodies: text("1"), want: "ok|bad_input"},
		{name: "header block that ends in between", reply: "_INBOX.evil.h4", header: "A: b\r\n\r\nC: d", bodies: text("1"), want: "ok|bad_input"},
	}
}

func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: %d\r\n", i, i)
	}
	return strings.TrimSuffix(b.String(), "\r\n")
}

func hostileAddresses() []hostile {
	const to = "at.default.reply.evil.n1."
	var rows []hostile
	for _, r := range []struct{ name, reply, want string }{
		{"none", "-", dropped},
		{"everything", ">", dropped},
		{"a wildcard inbox", "_INBOX.*", dropped},
		{"a wildcard inbox deeper", "_INBOX.evil.>", dropped},
		{"an inbox with an empty token", "_INBOX..1", dropped},
		{"an inbox that ends in a dot", "_INBOX.evil.", dropped},
		{"an inbox with control bytes", "_INBOX.evil.\x01\x1b[2J", dropped},
		{"an inbox that is not UTF-8", "_INBOX.evil.\xff", dropped},
		{"an inbox of 2000 bytes", "_INBOX.evil." + strings.Repeat("x", 2000), dropped},
		{"an inbox of 64 KiB", "_INBOX.evil." + strings.Repeat("x", 64<<10), broker},
		{"an inbox of 200 tokens", "_INBOX.evil" + strings.Repeat(".x", 200), "ok"},
		{"own request", "at.default.task.any", dropped},
		{"the worker itself", "at.default.node.NODE.task.any", dropped},
		{"another namespace", "at.other.reply.evil.n1.c1.-.0", dropped},
		{"version 2", "at2.default.reply.evil.n1.c1.-.0", dropped},
		{"no namespace", "at..reply.evil.n1.c1.-.0", dropped},
		{"a wildcard node", "at.default.reply.evil.*.c1.-.0", dropped},
		{"a call that is not UTF-8", to + "\xff.-.0", dropped},
		{"a call with NUL", to + "\x00.-.0", dropped},
		{"a call of 65 bytes", to + strings.Repeat("x", 65) + ".-.0", dropped},
		{"a call of 64 KiB", to + strings.Repeat("x", 64<<10) + ".-.0", broker},
		{"a negative budget", to + "a1.-5.0", dropped},
		{"a budget that is not a number", to + "a2.NaN.0", dropped},
		{"the largest budget", to + "a3.zzzzzzzzzzzz.0", "ok"},
		{"a larger budget", to + "a4.zzzzzzzzzzzzz.0", dropped},
		{"no budget left", to + "a5.0.0", "deadline"},
		{"a budget of 1970", to + "a6.-1.0", dropped},
		{"a negative depth", to + "a7.-.-1", dropped},
		{"a depth over the limit", to + "a8.-.1001", "too_deep"},
		{"a depth of 10^6", to + "a9.-.1000000", "too_deep"},
		{"the largest depth", to + "b1.-.999999999", "too_deep"},
		{"a larger depth", to + "b2.-.9999999999", dropped},
		{"a depth and more", to + "b3.-.0.later.still", "ok"},
		{"a depth and a wildcard", to + "b4.-.0.>", dropped},
		{"a frame", to + "b5.-.0.ok", "ok"},
		{"half an address", to + "b6", dropped},
	} {
		rows = append(rows, hostile{name: "reply: " + r.name, reply: r.reply, header: "Content-Type: application/json", bodies: text("1"), want: r.want})
	}
	return rows
}

func hostileVerbs() []hostile {
	const node = "at.default.node.NODE."
	return []hostile{
		{name: "ping with a mebibyte of spaces", subject: node + "ping", bodies: many("", " ", 1<<20-200), want: "ok"},
		{name: "ping with a mebibyte of names", subject: node + "ping", bodies: many("", "c1 ", 340_000), want: "ok"},
		{name: "ping with a name of a mebibyte", subject: node + "ping", bodies: many("", "c", 1<<20-200), want: "ok"},
		{name: "ping with bytes", subject: node + "ping", bodies: [][]byte{honest()}, want: "ok"},
		{name: "cancel of a mebibyte of keys", subject: node + "cancel", bodies: many("", "n1.c1 ", 170_000), want: "ok"},
		{name: "cancel for a mebibyte of reasons", subject: node + "cancel", bodies: many("n1.c1\n", "\xff", 1<<20-300), want: "ok"},
		{name: "cancel of nothing", subject: node + "cancel", want: "ok"},
		{name: "awaits of a mebibyte of names", subject: node + "awaits", bodies: many("", "c1 ", 340_000), want: "ok"},
		{name: "ps with a limit of -1", subject: node + "ps", bodies: text(`{"limit":-1}`), want: "ok"},
		{name: "ps with a limit of 10^9", subject: node + "ps", bodies: text(`{"limit":1000000000,"after":"` + strings.Repeat("x", 1000) + `"}`), want: "ok"},
		{name: "ps with deep JSON", subject: node + "ps", bodies: many("", "[", 1<<20-200), want: "ok"},
		{name: "info with a mebibyte", subject: node + "info", bodies: many("", "x", 1<<20-200), want: "ok"},
		{name: "stack", subject: node + "stack", want: "ok"},
		{name: "an unknown verb", subject: node + "explode", want: dropped},
		{name: "a verb of many tokens", subject: node + strings.TrimSuffix(strings.Repeat("x.", 400), "."), want: dropped},
		{name: "a verb that is not UTF-8", subject: node + "\xff\x01", want: dropped},
		{name: "stack of all", subject: "at.default.node.all.stack", want: dropped},
		{name: "drain of all", subject: "at.default.node.all.drain", want: dropped},
		{name: "cancel of all", subject: "at.default.node.all.cancel", want: dropped},
		{name: "a call for all", subject: "at.default.node.all.task.any", want: dropped},
		{name: "ping without reply", subject: node + "ping", reply: "-", want: ignored},
		{name: "info without reply", subject: node + "info", reply: "-", want: ignored},
		{name: "ping for a stream", subject: node + "ping", reply: "$JS.API.STREAM.NAMES", want: dropped},
		{name: "an answer that nobody asked for", subject: "at.default.reply.any.NODE.c1.-.0.ok", reply: "-", bodies: text("x"), want: dropped},
		{name: "an answer to an old question", subject: "at.default.reply.any.NODE.1_1.-.0.ok", reply: "-", bodies: text("x"), want: dropped},
		{name: "a frame of no kind", subject: "at.default.reply.any.NODE.\xff.\x01", reply: "-", bodies: text("x"), want: dropped},
		{name: "no responders for nobody", subject: "at.default.reply.any.NODE.c1.-.0", reply: "-", header: "Status: 503", want: dropped},
		{name: "discovery for a stream", subject: "$SRV.PING", reply: "$JS.API.STREAM.NAMES", want: dropped},
	}
}

// hostileNames are calls of tasks with names that cannot be.
func hostileNames() []hostile {
	var rows []hostile
	for what, name := range map[string]string{
		"a wildcard":       "a.*",
		"everything":       ">",
		"a dot before":     ".a",
		"a dot after":      "a.",
		"two dots":         "a..b",
		"a subject of SYS": "$SYS.REQ.SERVER.PING",
		"900 bytes":        strings.Repeat("x", 900),
		"5000 bytes":       strings.Repeat("x", 5000),
		"2000 tokens":      strings.Repeat("x.", 1999) + "x",
		"9 tokens":         "a.b.c.d.e.f.g.h.i",
		"right to left":    "\u202eyna",
		"a joiner":         "a\u200dny",
		"a homoglyph":      "\u0430ny",
		"NFC":              "\u00e9",
		"NFD":              "e\u0301",
		"a path":           "../..",
		"an escape":        "%2e%2e",
		"NUL":              "a\x00b",
		"a flag":           "-flag!",
		"escape sequence":  "\x1b[2J",
	} {
		// A server refuses what is no subject; older ones do not.
		rows = append(rows, hostile{name: "task: " + what, subject: "at.default.node.NODE.task." + name, bodies: text("1"), want: dropped + "|" + broker})
	}
	return append(rows,
		hostile{name: "task: nobody's", subject: "at.default.node.NODE.task.nobody", bodies: text("1"), want: "no_worker"},
		hostile{name: "task: nothing", subject: "at.default.node.NODE.task.", bodies: text("1"), want: dropped + "|" + broker},
		hostile{name: "task: a new line", subject: "at.default.node.NODE.task.x\r\nPUB", bodies: text("1"), want: broker},
		hostile{name: "task: a space", subject: "at.default.node.NODE.task.a b", bodies: text("1"), want: broker + "|" + dropped + "|" + ignored},
		hostile{name: "task: of the group itself", subject: "at.default.task.>", bodies: text("1"), want: ignored + "|" + broker},
	)
}
