package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// stopWait is how long a process may take to end before it is killed.
const stopWait = 10 * time.Second

// process is one that the parent started. It answers one question at a time.
type process struct {
	identity
	says    string // what it said when it was ready
	cmd     *exec.Cmd
	input   io.WriteCloser
	output  io.Reader
	orders  *json.Encoder
	answers *json.Decoder
}

// launch starts this program once more and returns when it is ready. The end
// of ctx closes its input, which ends it.
func launch(ctx context.Context, as identity, stderr io.Writer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{identity: as, cmd: exec.CommandContext(ctx, self)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), as.environment()...), stderr
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.output, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	p.cmd.Cancel, p.cmd.WaitDelay = p.input.Close, stopWait
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.orders, p.answers = json.NewEncoder(p.input), json.NewDecoder(p.output)
	if err := p.answer(&p.says); err != nil {
		return nil, errors.Join(fmt.Errorf("start the %v: %w", as, err), p.stop())
	}
	return p, nil
}

// ask has the process carry out an order, and stores what it answers in into,
// unless that is nil.
func (p *process) ask(ctx context.Context, verb string, args, into any) error {
	raw, err := json.Marshal(args)
	if err == nil {
		err = p.orders.Encode(order{verb, raw})
	}
	if err == nil {
		err = p.answer(into)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("ask the %v to %s: %w", p.identity, verb, err)
	}
	return nil
}

func (p *process) answer(into any) error {
	a := answer{Value: into}
	if err := p.answers.Decode(&a); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and returns when it has ended.
func (p *process) stop() error {
	// It may have ended already, and then closing fails and Wait says why.
	_ = p.input.Close()
	kill := time.AfterFunc(stopWait, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_, _ = io.Copy(io.Discard, p.output) // Wait must come after the last read
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the %v (pid %d): %w", p.identity, p.pid(), err)
	}
	return nil
}

// stopAll ends all processes, at the same time.
func stopAll(processes []*process) error {
	errs := make([]error, len(processes))
	var all sync.WaitGroup
	for i, p := range processes {
		all.Go(func() { errs[i] = p.stop() })
	}
	all.Wait()
	return errors.Join(errs...)
}
