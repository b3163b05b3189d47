package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// conditions is the table of what the figures hold for.
func conditions(o options) *table {
	t := &table{title: "Conditions", header: []string{"what", "which"}}
	t.add("processor", fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()))
	t.add("system", runtime.GOOS+"/"+runtime.GOARCH+" "+kernel())
	t.add("Go", strings.TrimPrefix(runtime.Version(), "go"))
	for _, d := range []string{"nats.go", "nats-server/v2", "vmihailenco/msgpack/v5"} {
		t.add(d, version(d))
	}
	t.add("pairs", fmt.Sprintf("%d of %v each", o.pairs, o.time))
	t.add("date", time.Now().UTC().Format(time.DateOnly))
	return t
}

// processor is what the system calls it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}

// version is that of the module whose path ends so, as it was built in.
func version(module string) string {
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if strings.HasSuffix(d.Path, "/"+module) {
				return d.Version
			}
		}
	}
	return "unknown"
}
