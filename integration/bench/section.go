package main

import (
	"context"
	"fmt"
	"io"
)

// section is one thing that is measured. Its name tells what, in parts divided
// by slashes, for -run.
type section struct {
	name    string
	extra   bool // measured only when it is named, or with -all
	measure func(ctx context.Context, b *bench, name string) error
}

// sections are all that there are, in the order in which they are measured.
func sections() []section {
	return awaitSections()
}

func listSections(w io.Writer, list []section) error {
	for _, s := range list {
		if _, err := fmt.Fprintln(w, s.name); err != nil {
			return err
		}
	}
	return nil
}
