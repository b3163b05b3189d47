package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which Linux tells the CPU time of processes, whatever
// the kernel counts in.
const tick = 10 * time.Millisecond

// usage is the CPU time that was used so far.
type usage struct {
	crew time.Duration // by the server and those who call and work
	rest time.Duration // by everything else on the machine, and by its host instead
}

// usage measures it for the crew that is at work. The rest tells whether the
// machine did something else meanwhile; idle crews are part of it.
func (b *bench) usage(c *crew) (usage, error) {
	used, err := cpuTime(slices.Concat([]*process{b.server, c.caller}, c.workers)...)
	if err == nil && b.rabbit != nil {
		var more time.Duration
		more, err = cpuTimeOf(b.rabbit.PID())
		used += more
	}
	if err != nil {
		return usage{}, err
	}
	all, err := machineTime()
	return usage{used, all - used}, err
}

// machineTime returns the CPU time that the machine has used.
func machineTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)
	const user, idle, ioWait, steal = 1, 4, 5, 8
	if len(fields) <= steal {
		return 0, fmt.Errorf("/proc/stat begins with %q, want the times of all processors", line)
	}
	busy := slices.Concat(fields[user:idle], fields[ioWait+1:steal+1])
	return ticks(busy...)
}

// ticks adds up times that are told in ticks.
func ticks(fields ...string) (time.Duration, error) {
	var sum time.Duration
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// cpuTime returns the CPU time that the processes have used together.
func cpuTime(processes ...*process) (time.Duration, error) {
	var sum time.Duration
	for _, p := range processes {
		used, err := cpuTimeOf(p.pid())
		if err != nil {
			return 0, fmt.Errorf("CPU time of the %v: %w", p.identity, err)
		}
		sum += used
	}
	return sum, nil
}

func cpuTimeOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name of the program, in parentheses.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the name, want more than %d", pid, len(fields), stime)
	}
	return ticks(fields[utime : stime+1]...)
}

// residentOf returns the memory of a process that is in RAM, in bytes.
func residentOf(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	status, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", path)
}
