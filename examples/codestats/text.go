package main

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Text is a string of any bytes, such as the name of a file or a path to
// import. Messages hold UTF-8 only, so on its way between processes what is not
// UTF-8 is quoted as in Go source; and, to tell the two apart, so is what
// begins with a quote.
type Text string

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) { //nolint:unparam // the interface has an error
	s := string(t)
	if !utf8.ValidString(s) || len(s) > 0 && s[0] == '"' {
		s = strconv.Quote(s)
	}
	return []byte(s), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Text) UnmarshalText(b []byte) error {
	s := string(b)
	if len(s) > 0 && s[0] == '"' {
		var err error
		if s, err = strconv.Unquote(s); err != nil {
			return fmt.Errorf("text %.64q: %w", b, err)
		}
	}
	*t = Text(s)
	return nil
}
