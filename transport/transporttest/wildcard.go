package transporttest

import (
	"slices"
	"strings"
)

func wildcardCases() []testCase {
	return []testCase{
		{"match table", wildcardTable},
		{"overlapping patterns each receive", wildcardOverlap},
	}
}

// wildcards returns subjects and, for each pattern, those that match it.
func wildcards() (subjects []string, matches map[string][]string) {
	subjects = []string{"a", "b", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d", "a-b", "A.b", "ab.b"}
	return subjects, map[string][]string{
		"a":       {"a"},
		"a.b":     {"a.b"},
		"*":       {"a", "b", "a-b"},
		"a.*":     {"a.b", "a.c"},
		"*.b":     {"a.b", "b.b", "A.b", "ab.b"},
		"*.*":     {"a.b", "a.c", "b.b", "A.b", "ab.b"},
		"a.*.c":   {"a.b.c"},
		"*.*.*":   {"a.b.c"},
		"a.>":     {"a.b", "a.c", "a.b.c", "a.b.c.d"},
		"a.b.>":   {"a.b.c", "a.b.c.d"},
		"*.b.>":   {"a.b.c", "a.b.c.d"},
		"a.*.*.d": {"a.b.c.d"},
		">":       subjects,
		"*.>":     {"a.b", "a.c", "b.b", "a.b.c", "a.b.c.d", "A.b", "ab.b"},
		"c.>":     nil,
	}
}

func wildcardTable(f *fixture) {
	from, to := f.open(), f.open()
	subjects, matches := wildcards()
	ins := make(map[string]*inbox)
	for pattern := range matches {
		ins[pattern] = to.inboxLater(f.subject(pattern), "")
	}
	to.flush()
	from.settle(to)
	for _, s := range subjects {
		from.send(f.subject(s), s)
	}
	from.flush()
	from.settle(to)
	for pattern, want := range matches {
		in := ins[pattern]
		f.eventually("what "+pattern+" matches", func() bool { return len(in.got) >= len(want) })
		var got []string
		for _, m := range in.finish() {
			got = append(got, strings.TrimPrefix(m.Subject, f.prefix+"."))
			if string(m.Data) != got[len(got)-1] {
				f.Errorf("pattern %q received %q under the subject %q", pattern, m.Data, m.Subject)
			}
		}
		if !slices.Equal(got, want) {
			f.Errorf("pattern %q received %q, want %q", pattern, got, want)
		}
	}
}

func wildcardOverlap(f *fixture) {
	c := f.open()
	patterns := []string{"a.b", "a.*", "*.b", "a.>", ">", "*.*", "a.b"}
	var ins []*inbox
	for _, p := range patterns {
		ins = append(ins, c.inbox(f.subject(p), ""))
	}
	c.send(f.subject("a.b"), "once")
	for i, in := range ins {
		in.expect("once")
		if more := in.finish(); len(more) > 0 {
			f.Errorf("subscription %d to %q received %q, want the message once", i, patterns[i], dataOf(more))
		}
	}
}
