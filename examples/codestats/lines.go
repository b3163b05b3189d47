package main

import (
	"bytes"
	"go/scanner"
	"go/token"
	"strings"
)

// lineCounts tells the lines of a file by kind.
type lineCounts struct{ total, code, comment int }

func (c lineCounts) blank() int { return c.total - c.code - c.comment }

// classify counts the lines of any bytes whatever, Go or not.
//
// A line is what ends in a newline byte. Text after the last newline is no
// line and is counted nowhere, so that the total is what wc -l says and the
// three kinds add up to it. A line is
//
//   - code if any part of any token but a comment is on it: also when a
//     comment shares it, and when it is an empty line inside a raw string;
//   - else comment if any part of a comment is on it, which an empty line
//     inside a block comment is;
//   - else blank.
//
// Tokens are those of go/scanner, which reads on after an error; bytes that
// start no token are tokens of their own, and so code. A byte order mark at the
// start of the file is white space.
func classify(src []byte) lineCounts {
	// The scanner gives a file of UTF-16 up at its first byte, so a space goes
	// before it. That changes no line.
	src = append([]byte{' '}, bytes.TrimPrefix(src, []byte("\uFEFF"))...)
	kinds := make([]lineKind, newlines(src)+1) // with a place for the text after the last newline
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	line, at := 0, 0 // at: offset up to which the newlines are in line
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return countKinds(kinds[:len(kinds)-1])
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue // made up by the scanner: nothing in the file
		}
		offset := file.Offset(pos)
		line += newlines(src[at:offset])
		at = offset
		kind := codeLine
		if tok == token.COMMENT {
			kind = commentLine
		}
		// text lacks the carriage returns of the source, hence no use is made
		// of its length. Its newlines are all there.
		for l := line; l <= line+strings.Count(text, "\n"); l++ {
			kinds[l] = max(kinds[l], kind)
		}
	}
}

// lineKind is what a line is known to hold. The higher wins.
type lineKind uint8

const (
	blankLine lineKind = iota
	commentLine
	codeLine
)

func countKinds(kinds []lineKind) lineCounts {
	c := lineCounts{total: len(kinds)}
	for _, k := range kinds {
		switch k {
		case codeLine:
			c.code++
		case commentLine:
			c.comment++
		}
	}
	return c
}

func newlines(b []byte) int { return bytes.Count(b, []byte{'\n'}) }
