package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// outputFlag adds -o.
func (a *app) outputFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&a.output, "output", "o", "table", "table, json or jsonl")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "jsonl"}, cobra.ShellCompDirectiveNoFileComp)) // fails for a flag that is not there
	pre := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		switch a.output {
		case "table", "json", "jsonl":
		default:
			return coded{exitUsage, fmt.Errorf("-o %s: want table, json or jsonl", a.output)}
		}
		if pre != nil {
			return pre(cmd, args)
		}
		return nil
	}
}

// table is what a verb lists: columns of text for people, rows for programs.
type table[T any] struct {
	header []string
	cells  func(T) []string
	rows   []T
}

// write writes the table as -o asks.
func (t table[T]) write(a *app) error {
	switch a.output {
	case "json":
		rows := t.rows
		if rows == nil {
			rows = []T{}
		}
		return writeJSON(a.stdout, rows)
	case "jsonl":
		for _, r := range t.rows {
			if err := writeJSON(a.stdout, r); err != nil {
				return err
			}
		}
		return nil
	}
	return t.writeColumns(a.stdout)
}

// writeColumns writes columns without borders, which grep and awk understand.
func (t table[T]) writeColumns(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(t.header, "\t"))
	for _, r := range t.rows {
		cells := t.cells(r)
		for i := range cells {
			if cells[i] = escape(cells[i]); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

// writeJSON writes one line of JSON.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(b.Bytes()))
	return err
}

// escape makes text from elsewhere fit for a terminal and for one line: what
// is not a printable character shows as Go writes it.
func escape(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// escapeJSON makes JSON fit for a terminal without changing what it says:
// characters that do not print become \u escapes. White space between values
// stays.
func escapeJSON(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1:
			out = append(out, `\ufffd`...)
		case r == '\n' || r == '\t' || r == '\r' || unicode.IsPrint(r):
			out = append(out, b[:size]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		b = b[size:]
	}
	return out
}

// milliseconds shows a time as people read it.
func milliseconds(ms int64) string { return shortly(time.Duration(ms) * time.Millisecond) }

// shortly is a duration in three digits or so.
func shortly(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + shortly(-d)
	case d < time.Microsecond:
		return d.String()
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 0, 64) + "us"
	case d < time.Second:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', precision(float64(d)/float64(time.Millisecond)), 64) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

func precision(v float64) int {
	if v < 10 {
		return 1
	}
	return 0
}

// bytesOf shows a size.
func bytesOf(n int64) string {
	const unit = 1024
	switch {
	case n <= 0:
		return ""
	case n < unit*unit:
		return fmt.Sprintf("%dK", (n+unit-1)/unit)
	case n < unit*unit*unit:
		return fmt.Sprintf("%dM", n/unit/unit)
	default:
		return fmt.Sprintf("%.1fG", float64(n)/unit/unit/unit)
	}
}

// cut shortens text to so many characters.
func cut(s string, n int) string {
	r := []rune(s)
	if n <= 0 || len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
