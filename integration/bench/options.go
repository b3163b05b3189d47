package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	run      string
	sections *regexp.Regexp // nil for the default choice
	kinds    []string       // empty for all
	all      bool
	list     bool
	pairs    int
	time     time.Duration
	calls    int64
	markdown bool
	update   string
	profiles string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.run, "run", "", "measure the sections whose names match this `regexp`")
	f.Func("kinds", "measure only these `kinds`, divided by commas, where a section has one of them", func(list string) error {
		o.kinds = strings.Split(list, ",")
		return nil
	})
	f.BoolVar(&o.all, "all", false, "measure every section, also those that take long or tell little")
	f.BoolVar(&o.list, "list", false, "list the sections that would be measured, and end")
	f.IntVar(&o.pairs, "pairs", 5, "how often each kind is measured, in alternation with the others")
	f.DurationVar(&o.time, "time", time.Second, "how long one measurement takes; the warm-up before it takes a fifth of that")
	f.Int64Var(&o.calls, "calls", 10_000_000, "how many calls memory/10m makes")
	f.BoolVar(&o.markdown, "markdown", false, "print the tables as Markdown")
	f.StringVar(&o.update, "update", "", "also write the tables into this Markdown `file`, in place of those that it has")
	f.StringVar(&o.profiles, "cpuprofile", "", "write CPU profiles of the processes of each section into this `directory`; the figures suffer from it")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	var err error
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("%q is not a flag: sections are chosen with -run", f.Arg(0))
	case o.pairs < 1:
		err = fmt.Errorf("-pairs is %d: want 1 or more", o.pairs)
	case o.time <= 0:
		err = fmt.Errorf("-time is %v: want more than 0", o.time)
	case o.calls < memorySteps:
		err = fmt.Errorf("-calls is %d: want %d or more", o.calls, memorySteps)
	case o.run != "":
		o.sections, err = regexp.Compile(o.run)
	}
	if err != nil {
		return options{}, err
	}
	return o, nil
}

// choose returns the sections to measure.
func (o options) choose(all []section) []section {
	var chosen []section
	for _, s := range all {
		named := o.sections != nil && o.sections.MatchString(s.name)
		byDefault := o.sections == nil && (o.all || !s.extra)
		if named || byDefault {
			chosen = append(chosen, s)
		}
	}
	return chosen
}
