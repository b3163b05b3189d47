package actor

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
)

// ProcessInfo is what a node says of the process that it is in.
type ProcessInfo struct {
	Host       string `json:"host,omitempty"`
	PID        int    `json:"pid"`
	Program    string `json:"program,omitempty"`
	CPUs       int    `json:"cpus"` // GOMAXPROCS
	Goroutines int    `json:"goroutines"`
	Memory     int64  `json:"memory_bytes"` // what the Go runtime holds of the system's
}

// processInfo looks at this process.
func processInfo() *ProcessInfo {
	p := &ProcessInfo{PID: os.Getpid(), CPUs: runtime.GOMAXPROCS(0), Goroutines: runtime.NumGoroutine()}
	p.Host, _ = os.Hostname() // left out when there is none
	if len(os.Args) > 0 {
		p.Program = filepath.Base(os.Args[0])
	}
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	if samples[0].Value.Kind() == metrics.KindUint64 && samples[1].Value.Kind() == metrics.KindUint64 {
		p.Memory = int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
	}
	return p
}
