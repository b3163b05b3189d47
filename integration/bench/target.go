package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a figure to reach.
type target struct {
	what    string
	section string
	kind    string
	metric  metric
	to      string // the kind whose figure is the unit; "" for a figure as it is
	most    float64
	least   float64 // in place of most
}

// tolerance is how far a figure may fall short while a profile shows where it
// goes.
const tolerance = 0.1

// targets are what the figures are held against.
func targets() []target {
	return []target{
		{what: "one call after the other, p50", section: "await/1w/1/100B", kind: kindTasks, metric: middle, to: kindHandOwn, most: 1},
		{what: "throughput, 256 in flight, 1 worker", section: "await/1w/256/100B", kind: kindTasks, metric: throughput, to: kindHandOwn, least: 1.25},
		{what: "throughput, 1,024 in flight, 1 worker", section: "await/1w/1024/100B", kind: kindTasks, metric: throughput, to: kindHandOwn, least: 1.3},
		{what: "throughput, 256 in flight, 4 workers", section: "await/4w/256/100B", kind: kindTasks, metric: throughput, to: kindHandOwn, least: 1.15},
		{what: "throughput, 256 in flight, to the bare floor", section: "await/1w/256/100B", kind: kindTasks, metric: throughput, to: kindFloor, least: 0.95},
		{what: "CPU per call, 256 in flight, all processes", section: "await/1w/256/100B", kind: kindTasks, metric: cpu, to: kindHandOwn, most: 0.85},
		{what: "allocations per call, caller", section: "await/1w/256/100B", kind: kindTasks, metric: mallocs, most: 10},
		{what: "throughput, 256 KiB, 64 in flight", section: "await/1w/64/256KiB", kind: kindTasks, metric: throughput, to: kindHandOwn, least: 0.95},
		{what: "fib(15), 2 workers, all through the broker, time", section: "fib/15/remote", kind: kindRemote, metric: middle, to: kindHandOwn, most: 0.6},
		{what: "fib(15), 2 workers, local first, time", section: "fib/15/local-first", kind: kindTasks, metric: middle, to: kindHandOwn, most: 0.1},
		{what: "await within the process, plain struct, p50 in µs", section: "local/plain", kind: noDeadline, metric: middle, most: 1},
		{what: "await within the process, slices and maps, p50 in µs", section: "local/slices", kind: noDeadline, metric: middle, most: 5},
		{what: "ask within the process, p50 in µs", section: "entities/local", kind: oneAsker, metric: middle, most: 1},
		{what: "asks a second within the process, 64 callers", section: "entities/local", kind: manyAskers, metric: throughput, least: 1e6},
		{what: "ask through the broker, volatile, p50 to an await", section: "entities/ask/1", kind: opAsk, metric: middle, to: opTask, most: 1.1},
		{what: "ask that saves, 64 in flight, to bare publishes", section: "entities/save/64", kind: opSave, metric: throughput, to: opBare, least: 0.8},
		{what: "100,000 calls in flight, bytes each, caller", section: "futures/100000", kind: kindTasks, metric: callerBytes, most: 600},
		{what: "over RabbitMQ, one call after the other, p50, to amqp-hand", section: "amqp/1w/1/100B", kind: kindRabbit, metric: middle, to: kindRabbitHand, most: 1.15},
		{what: "over RabbitMQ, throughput, 64 in flight, to amqp-hand", section: "amqp/1w/64/100B", kind: kindRabbit, metric: throughput, to: kindRabbitHand, least: 0.9},
		{what: "resident memory, last tenth to first, caller", section: "memory/10m", kind: roleCaller, metric: growth, most: 1.05},
		{what: "resident memory, last tenth to first, worker", section: "memory/10m", kind: roleWorker, metric: growth, most: 1.05},
	}
}

// goal says what is to be reached.
func (t target) goal() string {
	if t.least > 0 {
		return fmt.Sprintf("at least %v", t.least)
	}
	return fmt.Sprintf("at most %v", t.most)
}

// verdict says whether v reaches it.
func (t target) verdict(v float64) string {
	missed := t.most > 0 && v > t.most || v < t.least
	near := v <= t.most*(1+tolerance) && v >= t.least*(1-tolerance)
	if t.least > 0 {
		near = v >= t.least*(1-tolerance)
	}
	switch {
	case !missed:
		return "yes"
	case near:
		return "within 10 %"
	default:
		return "no"
	}
}

// measured returns the figure; ok is false when what it needs was not measured.
func (t target) measured(all map[string]samples) (found spread, ok bool) {
	s, ok := all[t.section]
	if !ok {
		return spread{}, false
	}
	if t.to != "" {
		return s.ratio(t.kind, t.to, t.metric), len(s[t.kind]) > 0 && len(s[t.to]) > 0
	}
	return s.of(t.kind, t.metric), len(s[t.kind]) > 0
}

// busy is how many cores may be busy with something else before a figure is
// worth nothing. The parent and the crews that are idle take some hundredths.
const busy = 0.15

// targets is the table of those whose section was measured.
func (r *report) targets() *table {
	t := &table{title: "Targets", header: []string{"what", "section", "to reach", "measured", "reached"}}
	var disturbed []string
	for _, one := range targets() {
		found, ok := one.measured(r.samples)
		if !ok {
			continue
		}
		t.add(one.what, one.section, one.goal(), found.String(), one.verdict(found.Median))
		took := r.samples[one.section].of(one.kind, others).Median
		if took > busy && !slices.Contains(disturbed, one.section) {
			disturbed = append(disturbed, one.section)
		}
	}
	t.notes = []string{"Ratios are to hand-own unless the line says otherwise: the median over all pairs, with the least and the greatest."}
	if len(disturbed) > 0 {
		t.notes = append(t.notes, "Disturbed, since the machine did something else meanwhile (other CPU): "+strings.Join(disturbed, ", ")+".")
	}
	return t
}
