package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profile is the CPU profile that a process writes of itself.
type profile struct{ file *os.File }

// begin writes what follows to the file at path.
func (p *profile) begin(_ context.Context, path string) (any, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), file.Close())
	}
	p.file = file
	return nil, nil
}

func (p *profile) end(context.Context, struct{}) (any, error) { return nil, p.stop() }

// stop ends the profile, if there is one.
func (p *profile) stop() error {
	if p.file == nil {
		return nil
	}
	pprof.StopCPUProfile()
	err := p.file.Close()
	p.file = nil
	return err
}
