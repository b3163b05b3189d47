package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonGuard looks through a body once before anything is decoded from it. It
// checks what encoding/json does not: depth, equal keys, encoding. The grammar
// is left to encoding/json, which checks it before it decodes; of a body that
// breaks it the guard may report anything, but it ends.
type jsonGuard struct {
	levels [MaxDepth]jsonLevel
	keys   keyset
	b      []byte
}

// jsonLevel is an open array or object.
type jsonLevel struct {
	object  bool
	key     bool // a string that comes now is a key
	entries openMap
}

// check returns nil when b is nested at most MaxDepth deep, is UTF-8 without a
// byte order mark, escapes no half of a surrogate pair, has no key twice in an
// object and nothing after its value. Afterwards g.keys.suspect tells that
// some object has, or may have, keys that differ in letter case only; then
// g.keys is to be released.
func (g *jsonGuard) check(b []byte) error {
	switch {
	case len(b) > MaxBody:
		return faultAt(len(b), "the body has more than %d bytes", MaxBody)
	case bytes.HasPrefix(b, []byte("\ufeff")):
		return faultAt(0, "the body begins with a byte order mark")
	case !utf8.Valid(b):
		return faultAt(invalidAt(b), "the body is not UTF-8")
	}
	g.b = b
	g.keys.reset(b, true)
	err := g.scan()
	g.b = nil
	return err
}

func (g *jsonGuard) scan() error {
	b, depth, ended := g.b, 0, false
	top := jsonLevel{} // the innermost open level; g.levels holds those around it
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		if ended {
			return faultAt(i, "extra bytes after the value")
		}
		switch c {
		case '{', '[':
			if depth == MaxDepth {
				return faultAt(i, "nested deeper than %d", MaxDepth)
			}
			g.levels[depth] = top
			depth++
			top = jsonLevel{object: c == '{', key: c == '{', entries: g.keys.open()}
		case '}', ']':
			if depth == 0 {
				return faultAt(i, "%q without its opening", c)
			}
			g.keys.close(top.entries)
			depth--
			top = g.levels[depth]
			ended = depth == 0
		case ',':
			top.key = top.object
		case ':':
		case '"':
			end, escaped, err := g.text(i)
			if err != nil {
				return err
			}
			if top.key {
				if err := g.key(top.entries, i+1, end-1, escaped); err != nil {
					return err
				}
				top.key = false
			}
			i, ended = end-1, depth == 0
		default:
			start := i
			for i+1 < len(b) && inLiteral(b[i+1]) {
				i++
			}
			// A json.Decoder would stop after the 0 of 0x1 and not look further.
			if ended = depth == 0; ended && !json.Valid(b[start:i+1]) {
				return faultAt(start, "%.32q is not a value", b[start:i+1])
			}
		}
	}
	return nil
}

// inLiteral reports whether c continues a number or a word.
func inLiteral(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '+' || c == '-'
}

// text returns where the string that begins at i ends, and whether it has
// escapes.
func (g *jsonGuard) text(i int) (end int, escaped bool, err error) {
	b := g.b
	for j := i + 1; j < len(b); j++ {
		switch b[j] {
		case '"':
			return j + 1, escaped, nil
		case '\\':
			escaped = true
			if j++; j < len(b) && b[j] == 'u' {
				size, err := checkEscape(b[j-1:])
				if err != nil {
					return 0, true, faultAt(j-1, "%w", err)
				}
				j += size - 2
			}
		}
	}
	return 0, escaped, faultAt(len(b), "the body ends in a string")
}

// checkEscape returns the length of the \u escape that b begins with, both
// halves of a pair together.
func checkEscape(b []byte) (int, error) {
	r, ok := hex4(b)
	switch {
	case !ok:
		return 0, errors.New(`\u without four hexadecimal digits`)
	case !utf16.IsSurrogate(r):
		return 6, nil
	}
	if low, ok := hex4(b[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		return 12, nil
	}
	return 0, errors.New("half of a surrogate pair")
}

// hex4 returns the number in the \u escape that b begins with, if it does.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// key adds the key b[from:to] to the innermost object.
func (g *jsonGuard) key(m openMap, from, to int, escaped bool) error {
	key := g.b[from:to]
	var twice bool
	if escaped {
		off := len(g.keys.more)
		g.keys.more = appendUnescaped(g.keys.more, key)
		key = g.keys.more[off:]
		twice = g.keys.addMore(m, off)
	} else {
		twice = g.keys.addText(m, strKey, from, to-from)
	}
	// Other letters may fold into one of another length: nobody looks for that
	// here.
	g.keys.suspect = g.keys.suspect || !isASCII(key)
	if twice {
		return faultAt(from-1, "the key %.32q for the second time", g.b[from:to])
	}
	return nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendUnescaped appends what the inside of a JSON string stands for. Its
// escapes have been checked, but for the letters that may follow a backslash.
func appendUnescaped(to, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			to = append(to, c)
			continue
		}
		i++
		switch s[i] {
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r, _ := hex4(s[i-1:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := hex4(s[i+1:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			to = utf8.AppendRune(to, r)
		default:
			to = append(to, s[i])
		}
	}
	return to
}

// invalidAt returns where b stops being UTF-8.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}
