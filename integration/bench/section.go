package main

import (
	"context"
	"fmt"
	"io"
	"slices"
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
	return slices.Concat(awaitSections(), localSections(), fanSections(), fibSections(), entitySections(), rabbitSections(), []section{
		{name: "futures/100000", measure: measureFutures},
		{name: "tasks/10000", measure: measureServed},
		{name: "ps/10000", measure: measurePs},
		{name: "memory/10m", extra: true, measure: measureGrowth},
	})
}

func listSections(w io.Writer, list []section) error {
	for _, s := range list {
		if _, err := fmt.Fprintln(w, s.name); err != nil {
			return err
		}
	}
	return nil
}
