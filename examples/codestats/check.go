package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The commands that check the totals; $1 is the root. A file name may hold a
// newline, so the files are counted by the zero bytes between them.
const (
	findFiles = `find "$1" -type f -name '*.go' -print0 | tr -cd '\0' | wc -c`
	findLines = `find "$1" -type f -name '*.go' -exec cat {} + | wc -l`
	findBytes = `find "$1" -type f -name '*.go' -exec cat {} + | wc -c`
)

// checkTotals compares the totals of r with those of find and wc over the same
// tree and says on w that they agree. A difference is an error.
func checkTotals(ctx context.Context, r Report, w io.Writer) error {
	files, err := shellCount(ctx, findFiles, r.Root)
	if err != nil {
		return err
	}
	lines, err := shellCount(ctx, findLines, r.Root)
	if err != nil {
		return err
	}
	size, err := shellCount(ctx, findBytes, r.Root)
	if err != nil {
		return err
	}
	if r.Total.Files != files || r.Total.Lines != lines || r.Total.Bytes != size {
		return fmt.Errorf("counted %d files, %d lines and %d bytes in %q, find and wc say %d, %d and %d",
			r.Total.Files, r.Total.Lines, r.Total.Bytes, r.Root, files, lines, size)
	}
	_, err = fmt.Fprintf(w, "find and wc agree: %s files, %s lines, %s bytes\n", group(files), group(lines), group(size))
	return err
}

// checkSame compares the whole reports, every row of them, and says on w that
// they are the same. The first line that differs is an error.
func checkSame(distributed, sequential Report, w io.Writer) error {
	var d, s bytes.Buffer
	if err := errors.Join(distributed.write(&d, everything), sequential.write(&s, everything)); err != nil {
		return err
	}
	if !bytes.Equal(d.Bytes(), s.Bytes()) {
		return fmt.Errorf("the workers' report is not that of one process: %s", difference(d.String(), s.String()))
	}
	_, err := fmt.Fprintf(w, "\none process agrees: %s bytes of report, of all %s packages, are the same\n",
		group(d.Len()), group(len(distributed.Packages)))
	return err
}

// difference names the first line that differs.
func difference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d is %q and %q", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("it has %d lines, the other %d", len(as), len(bs))
}

// shellCount runs a command that prints one number.
func shellCount(ctx context.Context, command, root string) (int, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command, "sh", root)
	// In other locales a name that is not valid text matches no pattern.
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("run %s: %w: %q", command, err, complaints.String())
	}
	// The exit status of a pipe is that of its last command.
	if complaints.Len() > 0 {
		return 0, fmt.Errorf("run %s: %q", command, complaints.String())
	}
	return strconv.Atoi(strings.TrimSpace(out.String()))
}
