package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, src            string
		code, comment, blank int
	}{
		{name: "empty"},
		{name: "one line without newline", src: "package a"},
		{name: "last line without newline", src: "package a\n// end", code: 1},
		{name: "only newlines", src: "\n\n\n", blank: 3},
		{name: "only white space", src: " \t\r\n\t\n", blank: 2},
		{name: "plain", src: "// Package a\npackage a\n\nvar x = 1\n", code: 2, comment: 1, blank: 1},
		{name: "code and comment share a line", src: "package a // a\n/* b */ var x int\n", code: 2},
		{name: "block comment with empty lines", src: "/*\n\n\n*/\npackage a\n", code: 1, comment: 4},
		{name: "block comment between code", src: "package a /*\n\n*/ ; var x int\n", code: 2, comment: 1},
		{name: "block comment that ends a statement", src: "package a\nvar x = 1 /*\n*/\n", code: 2, comment: 1},
		{name: "comment marks in a string", src: "package a\nvar x = \"/* // \"\n\n", code: 2, blank: 1},
		{name: "comment marks in runes", src: "package a\nvar x = '/'*'/'\n\n", code: 2, blank: 1},
		{name: "raw string with empty lines", src: "package a\nvar x = `\n\n// no\n\n`\n", code: 6},
		{name: "quote in a comment", src: "package a // `\n\n// '\"\n", code: 1, comment: 1, blank: 1},
		{name: "CRLF", src: "package a\r\n\r\n/*\r\n\r\n*/\r\nvar x = `\r\n\r\n`\r\n// c\r\n", code: 4, comment: 4, blank: 1},
		{name: "lone carriage returns", src: "package a\r\r// c\r\n\r\r\n", code: 1, blank: 1},
		{name: "byte order mark", src: "\uFEFF\npackage a\n", code: 1, blank: 1},
		{name: "byte order mark in the middle", src: "package a\n\uFEFF\n", code: 2},
		{name: "line directive", src: "//line x.y:100\npackage a\n\n//line z.y:1\nvar x = 1\n", code: 2, comment: 2, blank: 1},
		{name: "unterminated block comment", src: "package a\n/* c\n\n", code: 1, comment: 2},
		{name: "unterminated raw string", src: "package a\nvar x = `\n\n", code: 3},
		{name: "unterminated string", src: "package a\nvar x = \"\n\n// c\n", code: 2, comment: 1, blank: 1},
		{name: "not UTF-8", src: "\xff\xfe\n\n\x00\n", code: 2, blank: 1},
		{name: "UTF-16", src: "\xff\xfep\x00\n\x00\n\x00\n", code: 3},
		{name: "two byte order marks", src: "\uFEFF\uFEFF\n\n", code: 1, blank: 1},
		{name: "not Go", src: "<html>\n\n# x 'y\n", code: 2, blank: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := classify([]byte(tt.src))
			if got.code != tt.code || got.comment != tt.comment || got.blank() != tt.blank {
				t.Errorf("classify(%q) = %d code, %d comment, %d blank, want %d, %d, %d",
					tt.src, got.code, got.comment, got.blank(), tt.code, tt.comment, tt.blank)
			}
			if want := strings.Count(tt.src, "\n"); got.total != want {
				t.Errorf("classify(%q) = %d lines in total, want %d", tt.src, got.total, want)
			}
		})
	}
}

// TestClassifyAgainstReader compares classify with a reader that was written
// without go/scanner, over real code.
func TestClassifyAgainstReader(t *testing.T) {
	t.Parallel()
	root := filepath.Join(goroot(t.Context()), "src", "go")
	compared := 0
	err := filepath.WalkDir(root, func(place string, e fs.DirEntry, err error) error {
		if err != nil || !isSource(e) {
			return err
		}
		src, err := os.ReadFile(place)
		if err != nil {
			return err
		}
		if !isGo(src) {
			return nil // the reader below knows correct Go only
		}
		compared++
		if got, want := classify(src), readLines(src); got != want {
			t.Errorf("classify(%s) = %+v, want %+v", place, got, want)
		}
		return nil
	})
	if err != nil || compared < 100 {
		t.Fatalf("WalkDir(%q) = %v after %d files, want at least 100 files", root, err, compared)
	}
}

func isGo(src []byte) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	return err == nil
}

// readLines is what classify should say of correct Go, byte by byte.
func readLines(src []byte) lineCounts {
	src = bytes.TrimPrefix(src, []byte("\uFEFF"))
	var kinds []lineKind
	kind := blankLine
	inside := byte(0) // the quote, '/' or '*' of the token that src[i] is in
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c == '\n' {
			kinds = append(kinds, kind)
			switch inside {
			case '`':
				kind = codeLine
			case '*':
				kind = commentLine
			default:
				inside, kind = 0, blankLine
			}
			continue
		}
		switch {
		case inside == '/':
		case inside == '*':
			kind = max(kind, commentLine)
			if c == '*' && i+1 < len(src) && src[i+1] == '/' {
				inside = 0
				i++
			}
		case inside != 0:
			if c == '\\' && inside != '`' {
				i++
			} else if c == inside {
				inside = 0
			}
		case strings.IndexByte(" \t\r", c) >= 0:
		case c == '/' && i+1 < len(src) && (src[i+1] == '/' || src[i+1] == '*'):
			kind = max(kind, commentLine)
			inside = src[i+1]
			i++
		default:
			kind = codeLine
			if strings.IndexByte("`'\"", c) >= 0 {
				inside = c
			}
		}
	}
	if inside == '*' || inside == '`' {
		return lineCounts{} // cannot be in correct Go
	}
	return countKinds(kinds)
}

func FuzzAnalyse(f *testing.F) {
	for _, src := range []string{
		"", "\n", "package a", "\xff\xfea\n\n", "\uFEFF\n", "package a\n\nfunc f() {}\n",
		"package a\n/*\n*/ func (x *T[K, V]) f() { `\n` }\n//line x:9\n",
		"package a\nimport (\n\"fmt\"\n_ \"fmt\"\n)\n", "\xff\n/*", "`\r\n\r\n", "\uFEFF//\r\n", "package a;func(a,b)f()",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got := analyse("a/b.go", src)
		c := got.Counts
		if want := bytes.Count(src, []byte("\n")); c.Lines != want || c.Code+c.Comment+c.Blank != want {
			t.Errorf("analyse(%q).Counts = %+v, want %d lines in total", src, c, want)
		}
		if space := spaceLines(src); c.Blank > space {
			t.Errorf("analyse(%q) = %d blank lines, but only %d hold nothing but white space", src, c.Blank, space)
		}
		if c.Code < 0 || c.Comment < 0 || c.Blank < 0 {
			t.Errorf("analyse(%q).Counts = %+v, want no negative count", src, c)
		}
		if c.Unparsable != len(got.Faults) || c.Files != 1 {
			t.Errorf("analyse(%q) = %d unparsable and %d faults of %d files, want as many of 1", src, c.Unparsable, len(got.Faults), c.Files)
		}
		for _, fn := range got.Longest {
			if fn.Line < 1 || fn.Lines < 1 || fn.Line+fn.Lines-1 > c.Lines+1 {
				t.Errorf("analyse(%q) has %+v outside its %d lines", src, fn, c.Lines)
			}
		}
	})
}

// spaceLines counts the lines without anything on them: no more can be blank.
func spaceLines(src []byte) int {
	n := 0
	for line := range bytes.Lines(bytes.TrimPrefix(src, []byte("\uFEFF"))) {
		if bytes.HasSuffix(line, []byte("\n")) && len(bytes.Trim(line, " \t\r\n")) == 0 {
			n++
		}
	}
	return n
}
